"""Whatever changes a row, by whatever way, leaves an entry that says what changed."""

import uuid

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F

from budget.models import BudgetIncome, Event, Organization, User
from tests import factories
from tests.audit.changes import execute, lines_of, one
from tests.factories import (
    BudgetFactory,
    BudgetIncomeFactory,
    EventFactory,
    OrganizationFactory,
)

pytestmark = pytest.mark.django_db

AUDITED = [
    model
    for label in ("budget", "receipts")
    for model in apps.get_app_config(label).get_models()
    if hasattr(model, "audited")
]


def create(model):
    return getattr(factories, f"{model.__name__}Factory")()


class TestEveryTable:
    def test_of_ours_is_audited(self):
        assert len(AUDITED) == 13

    @pytest.mark.parametrize("model", AUDITED)
    def test_records_insert_update_and_delete(self, model, recorded):
        row = create(model)
        table = model._meta.db_table
        inserted = [e for e in recorded() if e.record_id == row.pk]
        column = next(f.column for f in model._meta.concrete_fields if f.column == "created_at")
        execute(f"UPDATE {table} SET {column} = {column} - interval '1 day' WHERE id = '{row.pk}'")
        updated = recorded()
        execute(f"DELETE FROM {table} WHERE id = '{row.pk}'")
        deleted = recorded()

        assert [(e.action, e.table_name) for e in inserted] == [("INSERT", table)]
        assert [(e.action, e.table_name, e.record_id) for e in updated] == [("UPDATE", table, row.pk)]
        assert [(e.action, e.table_name, e.record_id) for e in deleted] == [("DELETE", table, row.pk)]
        assert one(updated).changed_fields == [column]
        assert one(inserted).new_values.keys() == one(deleted).old_values.keys()

    @pytest.mark.parametrize("model", AUDITED)
    def test_says_whose_the_row_is(self, model, recorded):
        row = create(model)
        row.refresh_from_db()  # Triggers have filled in some organizations.

        entry = one(e for e in recorded() if e.record_id == row.pk)

        assert entry.organization_id == organization_of(row)

    @pytest.mark.parametrize("model", AUDITED)
    def test_records_every_column_that_is_not_derived(self, model, recorded):
        row = create(model)

        entry = one(e for e in recorded() if e.record_id == row.pk)

        columns = {field.column for field in model._meta.concrete_fields}
        assert entry.new_values.keys() == columns - {"updated_at", *model.audited.derived}
        assert {entry.new_values[name] for name in model.audited.masked} <= {"***"}

    @pytest.mark.parametrize("model", AUDITED)
    def test_records_that_it_was_emptied(self, model, recorded):
        create(model)
        recorded()

        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(f"TRUNCATE {model._meta.db_table} CASCADE")

        entry = one(e for e in recorded() if e.table_name == model._meta.db_table)
        assert (entry.action, entry.old_values) == ("TRUNCATE", {"count": 1})


def organization_of(row):
    if isinstance(row, User):
        return None
    if isinstance(row, Organization):
        return row.pk
    for name in ("event", "budget", "settlement", "scan", "ocr_result"):
        if hasattr(row, f"{name}_id") and not hasattr(row, "organization_id"):
            return organization_of(getattr(row, name))
    return row.organization_id


class TestEveryPath:
    def test_save_records_what_changed_from_what_to_what(self, recorded):
        line = BudgetIncomeFactory(amount=360_000)
        recorded()

        line.amount = 400_000
        line.save()

        entry = one(recorded())
        assert (entry.action, entry.table_name, entry.record_id) == ("UPDATE", "budget_incomes", line.pk)
        assert (entry.old_values, entry.new_values) == ({"amount": 360_000}, {"amount": 400_000})
        assert entry.changed_fields == ["amount"]
        assert entry.database_role == connection.settings_dict["USER"]
        assert entry.transaction_id == execute("SELECT pg_current_xact_id()::text::bigint")[0][0]

    def test_keys_follow_the_time(self, recorded):
        line = BudgetIncomeFactory()
        line.amount += 1
        line.save()

        keys = [entry.pk for entry in recorded()]

        assert keys == sorted(keys)
        assert {(key.version, key.variant) for key in keys} == {(7, uuid.RFC_4122)}

    def test_bulk_create(self, recorded):
        budget = BudgetFactory()
        recorded()

        BudgetIncome.objects.bulk_create(
            BudgetIncome(budget=budget, display_order=n, title=f"line {n}", amount=n) for n in range(1, 4)
        )

        assert [(e.action, e.new_values["amount"]) for e in recorded()] == [
            ("INSERT", 1),
            ("INSERT", 2),
            ("INSERT", 3),
        ]

    def test_upsert(self, recorded):
        first = OrganizationFactory(name="AA", code="A")
        recorded()

        Organization.objects.bulk_create(
            [Organization(name="AA", code="C"), Organization(name="BB", code="B")],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["code"],
        )

        found = {e.action: e for e in recorded()}
        assert found.keys() == {"INSERT", "UPDATE"}
        assert found["UPDATE"].record_id == first.pk
        assert (found["UPDATE"].old_values, found["UPDATE"].new_values) == ({"code": "A"}, {"code": "C"})

    def test_bulk_update(self, recorded):
        events = EventFactory.create_batch(2)
        recorded()

        for event in events:
            event.name = "new name"
        Event.objects.bulk_update(events, ["name"])

        assert [e.new_values for e in recorded()] == [{"name": "new name"}] * 2

    @pytest.mark.parametrize("count", [3, 150])
    def test_queryset_update_of_few_and_many_rows(self, count, recorded):
        budget = lines_of(count)
        recorded()

        BudgetIncome.objects.filter(budget=budget).update(amount=F("amount") + 1, note="x")

        found = recorded()
        assert len(found) == count
        assert {e.record_id for e in found} == set(BudgetIncome.objects.values_list("pk", flat=True))
        assert all(sorted(e.changed_fields) == ["amount", "note"] for e in found)
        assert all(e.new_values["amount"] == e.old_values["amount"] + 1 for e in found)
        assert {e.new_values["note"] for e in found} == {"x"}
        assert {e.organization_id for e in found} == {budget.event.organization_id}

    @pytest.mark.parametrize("count", [3, 150])
    def test_each_row_names_only_its_own_changes(self, count, recorded):
        budget = lines_of(count)
        BudgetIncome.objects.filter(display_order__lt=3).update(note="x")
        recorded()

        execute("UPDATE budget_incomes SET note = 'x', amount = amount + (display_order = 1)::int")

        fields = {e.record_id: sorted(e.changed_fields) for e in recorded()}
        expected = {}
        for line in BudgetIncome.objects.filter(budget=budget):
            changed = [*["amount"] * (line.display_order == 1), *["note"] * (line.display_order >= 3)]
            if changed:
                expected[line.pk] = changed
        assert fields == expected

    @pytest.mark.parametrize("count", [1, 150])
    def test_an_update_that_changes_nothing_leaves_no_entry(self, count, recorded):
        lines_of(count)
        recorded()

        BudgetIncome.objects.update(amount=F("amount"))
        BudgetIncome.objects.filter(amount=-1).update(amount=1)

        assert recorded() == []

    def test_delete_keeps_the_row(self, recorded):
        line = BudgetIncomeFactory(title="캠프 참가비")
        organization = line.budget.event.organization_id
        recorded()

        line.delete()

        entry = one(recorded())
        assert (entry.action, entry.old_values["title"], entry.new_values) == ("DELETE", "캠프 참가비", None)
        assert entry.organization_id == organization

    def test_cascades_of_the_database(self, recorded):
        [(name,)] = execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'budget_incomes'::regclass AND contype = 'f'"
        )
        execute(
            f"ALTER TABLE budget_incomes DROP CONSTRAINT {name},"
            " ADD FOREIGN KEY (budget_id) REFERENCES budgets ON DELETE CASCADE"
        )
        line = BudgetIncomeFactory()
        recorded()

        execute(f"DELETE FROM budgets WHERE id = '{line.budget_id}'")

        assert {(e.action, e.table_name) for e in recorded()} == {
            ("DELETE", "budgets"),
            ("DELETE", "budget_incomes"),
        }

    @pytest.mark.parametrize(
        ("statement", "actions"),
        [
            ("UPDATE organizations SET description = 'x'", ["UPDATE"]),
            (
                "INSERT INTO organizations (name, code) SELECT name || 'x', code || 'X' FROM organizations",
                ["INSERT"],
            ),
            (
                "MERGE INTO organizations AS o USING (VALUES ('AA'), ('BB')) AS given (name)"
                " ON given.name = o.name"
                " WHEN MATCHED THEN UPDATE SET description = 'x'"
                " WHEN NOT MATCHED THEN INSERT (name, code) VALUES (given.name, 'B')",
                ["INSERT", "UPDATE"],
            ),
            (
                "MERGE INTO organizations USING (VALUES (1)) AS given ON true WHEN MATCHED THEN DELETE",
                ["DELETE"],
            ),
            (
                "WITH gone AS (DELETE FROM organizations RETURNING name, code)"
                " INSERT INTO organizations (name, code) SELECT name || 'x', code || 'X' FROM gone",
                ["DELETE", "INSERT"],
            ),
            ("UPDATE organizations SET id = gen_random_uuid()", ["DELETE", "INSERT"]),
        ],
    )
    def test_raw_sql(self, statement, actions, recorded):
        OrganizationFactory(name="AA", code="A")
        recorded()

        execute(statement)

        assert sorted(e.action for e in recorded()) == actions

    def test_changed_keys_of_many_rows(self, recorded):
        lines_of(150)
        recorded()

        execute("UPDATE budget_incomes SET id = gen_random_uuid()")

        assert [e.action for e in recorded()].count("INSERT") == 150

    def test_copy(self, recorded):
        with connection.cursor() as cursor, cursor.copy("COPY organizations (name, code) FROM STDIN") as copy:
            copy.write_row(("AA", "A"))
            copy.write_row(("BB", "B"))

        assert [(e.action, e.new_values["code"]) for e in recorded()] == [("INSERT", "A"), ("INSERT", "B")]

    def test_a_replica_role(self, recorded):
        OrganizationFactory()
        recorded()

        execute("SET LOCAL session_replication_role = replica")
        execute("UPDATE organizations SET description = 'x'")
        execute("TRUNCATE organizations CASCADE")

        found = recorded()
        assert found[0].action == "UPDATE"
        assert {e.action for e in found[1:]} == {"TRUNCATE"}


class TestChangedColumns:
    @pytest.mark.parametrize("count", [1, 150])
    def test_an_added_one_is_recorded_at_once(self, count, recorded):
        lines_of(count)
        BudgetIncome.objects.update(amount=F("amount") + 1)  # Plans are kept from now on.
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute('ALTER TABLE budget_incomes ADD colour text COLLATE "C", ADD spot point, ADD paper json')
        recorded()

        execute("UPDATE budget_incomes SET colour = 'red', spot = '(1,2)', paper = '{}'")

        assert {tuple(sorted(e.changed_fields)) for e in recorded()} == {("colour", "paper", "spot")}

    @pytest.mark.parametrize("count", [1, 150])
    def test_a_renamed_and_a_dropped_one_stop_nobody(self, count, recorded):
        budget = lines_of(count)
        BudgetIncome.objects.update(amount=F("amount") + 1)
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute("ALTER TABLE budget_incomes RENAME note TO remark")
        execute("ALTER TABLE budget_incomes RENAME budget_id TO plan_id")
        execute("ALTER TABLE budget_incomes DROP is_parish_subsidy")
        recorded()

        execute("UPDATE budget_incomes SET remark = 'x'")
        execute(
            "INSERT INTO budget_incomes (plan_id, display_order, title, amount) VALUES (%s, 999, 'xx', 5)",
            budget.pk,
        )
        execute("DELETE FROM budget_incomes")

        found = recorded()
        assert {tuple(e.changed_fields) for e in found if e.action == "UPDATE"} == {("remark",)}
        assert [e.action for e in found].count("DELETE") == count + 1
