"""What an entry holds besides the change, what it must not hold, and that it stays as it is."""

import json
import uuid

import pytest
from django.db import DatabaseError, transaction

from budget.models import Budget, BudgetIncome, Organization, User
from tests.audit.changes import execute, lines_of, one
from tests.factories import BudgetFactory, OcrResultFactory, OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db

SECRETS = {
    "password": "secret-hash-1",
    "phone": "010-9876-5432",
    "birth_date": "1991-02-03",
    "address": "Elm St 77",
}


class TestMasked:
    def test_a_masked_one_that_is_renamed_hides_all_values_of_its_table(self, recorded):
        person = UserFactory(**SECRETS)
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute("ALTER TABLE users RENAME phone TO mobile")
        recorded()

        execute("UPDATE users SET mobile = '010-1111-2222', name = 'other name'")
        execute("DELETE FROM users WHERE id = %s", person.pk)

        recorded_text = json.dumps([[e.old_values, e.new_values] for e in recorded()])
        assert not any(secret in recorded_text for secret in (*SECRETS.values(), "010-1111-2222"))

    def test_values_are_nowhere_in_the_trail(self, recorded):
        person = UserFactory(**SECRETS)
        User.objects.filter(pk=person.pk).update(password="secret-hash-2", phone="010-1111-2222")
        UserFactory.create_batch(120, phone="010-1111-2222")
        User.objects.update(phone="010-3333-4444", address="Elm St 78")
        User.objects.filter(pk=person.pk).delete()
        budget = BudgetFactory(deposit_account="Bank 110-222-333")
        Budget.objects.filter(pk=budget.pk).update(deposit_account="Bank 110-222-444")
        OcrResultFactory(raw_text="card 1234-5678")

        [(text,)] = execute("SELECT string_agg(to_jsonb(entry)::text, ' ') FROM audit_trails AS entry")

        for secret in (
            *SECRETS.values(),
            "secret-hash",
            "010-1111-2222",
            "010-3333-4444",
            "Elm St",
            "Bank",
            "card 1234",
        ):
            assert secret not in text

    @pytest.mark.parametrize("count", [1, 150])
    def test_values_show_that_they_changed(self, count, recorded):
        UserFactory.create_batch(count)
        recorded()

        User.objects.update(phone="010-1111-2222")

        assert {(e.old_values["phone"], e.new_values["phone"], *e.changed_fields) for e in recorded()} == {
            ("***", "***", "phone")
        }


class TestContext:
    def test_of_the_transaction_is_copied_to_each_entry(self, recorded):
        actor, request = uuid.uuid4(), uuid.uuid4()
        context = {
            "actor_id": str(actor),
            "actor_name": "이름",
            "actor_email": "a@example.org",
            "session_hash": "f" * 64,
            "ip_address": "192.0.2.7",
            "user_agent": "Browser",
            "request_id": str(request),
            "command": "seed",
            "reason": "correction",
        }
        execute("SELECT set_config('audit.context', %s, true)", json.dumps(context))
        OrganizationFactory()
        lines_of(150)
        recorded()

        Organization.objects.update(description="x")
        BudgetIncome.objects.update(note="x")

        for entry in recorded():
            given = {name: str(getattr(entry, name)) for name in context}
            assert given == context

    @pytest.mark.parametrize(
        "nonsense",
        [
            "{",
            "[]",
            "1",
            "null",
            '"x"',
            '{"actor_id": "x"}',
            '{"ip_address": 7}',
            '{"request_id": {}}',
            '{"actor_name": 1}',
            json.dumps({"actor_name": "x" * 1000, "command": "y" * 1000}),
            "'; DROP TABLE users",
        ],
    )
    def test_of_nonsense_stops_nobody(self, nonsense, recorded):
        execute("SELECT set_config('audit.context', %s, true)", nonsense)
        execute("SELECT set_config('audit.off', 'true', true), set_config('audit.ignore', 'all', true)")

        OrganizationFactory()

        assert one(recorded()).action == "INSERT"


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE audit_trails SET reason = 'x'", "DELETE FROM audit_trails", "TRUNCATE audit_trails"],
    )
    @pytest.mark.parametrize("role", ["origin", "replica"])
    def test_refuses_every_change(self, statement, role):
        OrganizationFactory()
        execute(f"SET LOCAL session_replication_role = {role}")

        with pytest.raises(DatabaseError, match="audit_trails is append-only"), transaction.atomic():
            execute(statement)


class TestRecordAction:
    def record(self, action="APPROVE", reason="looks right"):
        return execute(
            "SELECT record_action(%s, 'budgets', %s::uuid, NULL, %s, 'WARNING', NULL, '{\"a\": 1}')",
            action,
            str(uuid.uuid4()),
            reason,
        )[0][0]

    def test_writes_one_entry_with_the_context(self, recorded):
        execute('SELECT set_config(\'audit.context\', \'{"actor_name": "A", "reason": "because"}\', true)')

        keys = [self.record(), self.record(reason="")]

        first, second = recorded()
        assert [first.pk, second.pk] == keys
        assert (first.action, first.severity, first.reason, first.actor_name) == (
            "APPROVE",
            "WARNING",
            "looks right",
            "A",
        )
        assert (second.reason, first.new_values) == ("because", {"a": 1})

    @pytest.mark.parametrize("action", ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "NONSENSE"])
    def test_refuses_what_is_no_action_of_a_person(self, action):
        with pytest.raises(DatabaseError), transaction.atomic():
            self.record(action)
