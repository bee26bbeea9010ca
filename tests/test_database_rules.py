"""What the database keeps by itself: defaults, times, generated amounts, the order of states, scopes."""

import datetime
import itertools
from decimal import Decimal

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction

from budget.models import Budget, Event, Membership, Organization, Settlement, User
from tests import factories
from tests.factories import (
    BudgetExpenseFactory,
    BudgetFactory,
    BudgetIncomeFactory,
    EventFactory,
    MembershipFactory,
    OrganizationFactory,
    ReceiptScanFactory,
    SettlementFactory,
    SettlementItemFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

OUR_MODELS = [
    model for label in ("budget", "audit", "receipts") for model in apps.get_app_config(label).get_models()
]
EARLIER = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone() if cursor.description else None


def query_column(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]


class TestEveryTable:
    def test_has_a_comment_on_itself_and_on_each_of_its_columns(self):
        uncommented = query_column(
            """
            SELECT relname || '.' || coalesce(attname, '')
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE relname = ANY (%s) AND attnum > 0 AND NOT attisdropped
                AND (col_description(attrelid, attnum) IS NULL OR obj_description(pg_class.oid) IS NULL)
            """,
            [model._meta.db_table for model in OUR_MODELS],
        )

        assert uncommented == []

    def test_keeps_every_default_in_the_database_too(self):
        without = [
            str(field)
            for model in OUR_MODELS
            for field in model._meta.local_concrete_fields
            if field.has_default() and not field.has_db_default()
        ]

        assert without == []

    @pytest.mark.parametrize("model", [m for m in OUR_MODELS if m.__name__ != "AuditTrail"])
    def test_gets_a_new_time_of_change_even_past_save(self, model):
        row = getattr(factories, f"{model.__name__}Factory")()

        model.objects.update(updated_at=EARLIER)

        assert model.objects.get(pk=row.pk).updated_at > EARLIER

    def test_names_every_foreign_key_column_first_in_an_index(self):
        unserved = query_column(
            """
            SELECT conrelid::regclass || '.' || attname
            FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
            WHERE contype = 'f' AND conrelid::regclass::text = ANY (%s) AND NOT EXISTS (
                SELECT FROM pg_index WHERE indrelid = conrelid AND indkey[0] = attnum
            )
            """,
            [model._meta.db_table for model in OUR_MODELS],
        )

        # The scan's organization leads its unique constraint with sha256.
        assert unserved == []

    def test_has_no_index_that_is_the_prefix_of_another(self):
        duplicates = query_column(
            """
            SELECT shorter.indexrelid::regclass || ' of ' || longer.indexrelid::regclass
            FROM pg_index AS shorter JOIN pg_index AS longer USING (indrelid)
            WHERE indrelid::regclass::text = ANY (%s) AND shorter.indexrelid <> longer.indexrelid
                AND shorter.indexprs IS NULL AND longer.indexprs IS NULL AND NOT shorter.indisunique
                AND shorter.indpred IS NULL
                AND (longer.indkey::text || ' ') LIKE (shorter.indkey::text || ' %%')
            """,
            [model._meta.db_table for model in OUR_MODELS],
        )

        assert duplicates == []


class TestInsertWithPsql:
    def test_completes_a_person_from_an_address_a_password_and_a_name(self):
        execute("INSERT INTO users (email, password, name) VALUES ('psql@example.org', '', '이소망')")

        person = User.objects.get(email="psql@example.org")

        assert person.status == "PENDING"
        assert not person.is_staff
        assert person.created_at == person.updated_at

    def test_keys_of_the_application_are_time_ordered(self):
        first, second = UserFactory(), UserFactory()

        assert first.pk.version == 7
        assert first.pk < second.pk


class TestUser:
    def test_is_found_by_address_whatever_its_case(self):
        person = UserFactory(email="Hope@Example.org")

        assert User.objects.get_by_natural_key("hOPE@example.ORG") == person

    def test_refuses_the_same_address_in_another_case(self):
        UserFactory(email="hope@example.org")

        with pytest.raises(IntegrityError, match="user_email_unique"):
            UserFactory(email="Hope@Example.org")

    @pytest.mark.parametrize(
        ("status", "may_sign_in"),
        [("ACTIVE", True), ("PENDING", False), ("INACTIVE", False), ("SUSPENDED", False)],
    )
    def test_may_sign_in_only_when_active(self, client, status, may_sign_in):
        person = UserFactory(status=status)
        person.set_password("a long enough secret")
        person.save()

        assert client.login(username=person.email, password="a long enough secret") is may_sign_in

    def test_of_create_superuser_has_every_right(self):
        person = User.objects.create_superuser("root@example.org", "a long enough secret", name="관리자")

        assert person.has_perm("budget.delete_event")
        assert person.has_module_perms("budget")
        assert person.check_password("a long enough secret")

    def test_of_the_staff_has_no_right_until_a_role_gives_one(self):
        person = UserFactory(is_staff=True)

        assert not person.has_perm("budget.view_event")
        assert not person.has_module_perms("budget")

    def test_is_named_by_name_and_address(self):
        person = UserFactory(name="이소망", email="hope@example.org")

        assert str(person) == "이소망 <hope@example.org>"
        assert person.get_full_name() == person.get_short_name() == "이소망"


class TestTimeOfChange:
    def test_moves_on_within_one_transaction(self):
        event = EventFactory()
        event.save()
        event.refresh_from_db()
        first = event.updated_at

        event.save()

        event.refresh_from_db()
        assert event.updated_at > first


class TestGeneratedAmount:
    @pytest.mark.parametrize(
        ("unit_price", "quantity", "times", "amount"),
        [
            (15_000, "30", "2", 900_000),
            (1_001, "0.5", "1", 501),
            (999, "1.5", "1.5", 2_248),
            (0, "3", "1", 0),
        ],
    )
    def test_is_price_by_quantity_by_times_rounded_once(self, unit_price, quantity, times, amount):
        line = BudgetExpenseFactory(unit_price=unit_price, quantity=Decimal(quantity), times=Decimal(times))

        line.refresh_from_db()

        assert line.amount == amount


class TestWithTotals:
    def test_of_a_budget_sums_each_kind_of_line_once(self):
        budget = BudgetFactory()
        BudgetIncomeFactory(budget=budget, amount=900_000)
        BudgetIncomeFactory(budget=budget, amount=4_000_000, is_parish_subsidy=True)
        for unit_price in (1_000, 2_000, 3_000):
            BudgetExpenseFactory(budget=budget, unit_price=unit_price, quantity=10)
        BudgetIncomeFactory(amount=77)

        totals = Budget.objects.with_totals().get(pk=budget.pk)

        assert (totals.total_income, totals.total_subsidy) == (4_900_000, 4_000_000)
        assert (totals.total_expense, totals.own_funds) == (60_000, -3_940_000)
        assert totals.balance == 4_840_000

    def test_of_a_settlement_keeps_income_and_spending_apart(self):
        settlement = SettlementFactory()
        SettlementItemFactory(settlement=settlement, item_type="INCOME", amount=100_000)
        SettlementItemFactory(settlement=settlement, item_type="EXPENSE", amount=30_000)
        SettlementItemFactory(settlement=settlement, item_type="EXPENSE", amount=5_000)

        totals = Settlement.objects.with_totals().get(pk=settlement.pk)

        assert (totals.total_income, totals.total_expense, totals.balance) == (100_000, 35_000, 65_000)

    def test_of_nothing_is_zero(self):
        BudgetFactory()

        assert Budget.objects.with_totals().get().total_income == 0


def allowed_and_refused(model, changes):
    """Return (before, after, allowed) for every pair of different states."""
    pairs = itertools.permutations(model.Status.values, 2)
    return [(before, after, (before, after) in changes) for before, after in pairs]


EVENT_CHANGES = {
    ("PLANNING", "IN_PROGRESS"),
    ("IN_PROGRESS", "COMPLETED"),
    ("PLANNING", "CANCELLED"),
    ("IN_PROGRESS", "CANCELLED"),
    ("COMPLETED", "CANCELLED"),
}
BUDGET_CHANGES = {
    ("DRAFT", "SUBMITTED"),
    ("SUBMITTED", "APPROVED"),
    ("SUBMITTED", "REJECTED"),
    ("REJECTED", "DRAFT"),
}
SETTLEMENT_CHANGES = {("DRAFT", "IN_REVIEW"), ("IN_REVIEW", "COMPLETED"), ("IN_REVIEW", "DRAFT")}


def assert_change(row, after, allowed, constraint):
    """Change the state by QuerySet.update, which no save() of ours sees."""
    complete = type(row).objects.filter(pk=row.pk)
    if allowed:
        assert complete.update(status=after) == 1
    else:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            complete.update(status=after)
        assert refusal.value.__cause__.diag.constraint_name == constraint


class TestOrderOfStates:
    @pytest.mark.parametrize(("before", "after", "allowed"), allowed_and_refused(Event, EVENT_CHANGES))
    def test_of_an_event(self, before, after, allowed):
        assert_change(EventFactory(status=before), after, allowed, "event_status_order")

    @pytest.mark.parametrize(
        ("before", "after", "allowed"),
        [
            change
            for change in allowed_and_refused(Budget, BUDGET_CHANGES)
            if change[:2] != ("APPROVED", "DRAFT")
        ],
    )
    def test_of_a_budget(self, before, after, allowed):
        # All that a later state needs is there from the start, so that only the order is tried.
        budget = BudgetFactory(
            status=before,
            submitted_at=EARLIER,
            decided_by=UserFactory(),
            decided_at=EARLIER,
            rejection_reason="금액 재확인",
        )

        assert_change(budget, after, allowed, "budget_status_order")

    @pytest.mark.parametrize(
        ("before", "after", "allowed"), allowed_and_refused(Settlement, SETTLEMENT_CHANGES)
    )
    def test_of_a_settlement(self, before, after, allowed):
        settlement = SettlementFactory(status=before, reviewed_by=UserFactory(), completed_at=EARLIER)

        assert_change(settlement, after, allowed, "settlement_status_order")


class TestVersionOfABudget:
    def test_grows_by_one_when_an_approved_budget_is_reopened(self):
        BudgetFactory(status="APPROVED")

        Budget.objects.update(status="DRAFT", version=2)

        assert Budget.objects.get().version == 2

    @pytest.mark.parametrize("version", [1, 3])
    def test_refuses_any_other_version_at_reopening(self, version):
        BudgetFactory(status="APPROVED")

        with pytest.raises(IntegrityError, match="version of budget"):
            Budget.objects.update(status="DRAFT", version=version)

    def test_refuses_a_change_without_reopening(self):
        BudgetFactory()

        with pytest.raises(IntegrityError, match="version of budget"):
            Budget.objects.update(version=2)


class TestEventOfAnInactiveOrganization:
    def test_is_refused(self):
        inactive = OrganizationFactory(is_active=False)

        with pytest.raises(IntegrityError, match="is inactive"):
            EventFactory(organization=inactive)

    def test_cannot_come_from_another_organization(self):
        event = EventFactory()
        inactive = OrganizationFactory(is_active=False)

        with pytest.raises(IntegrityError, match="is inactive"):
            Event.objects.update(organization=inactive)
        assert event.organization != inactive

    def test_may_still_be_changed_when_it_is_older(self):
        event = EventFactory()
        Organization.objects.update(is_active=False)

        event.location = "강당"
        event.save()

        assert Event.objects.get().location == "강당"


class TestUniqueness:
    def test_refuses_a_second_membership_of_a_person(self):
        membership = MembershipFactory()

        with pytest.raises(ValidationError):
            Membership(user=membership.user, organization=membership.organization).full_clean()
        with pytest.raises(IntegrityError, match="membership_unique"):
            MembershipFactory(user=membership.user, organization=membership.organization)

    def test_refuses_a_second_budget_of_an_event(self):
        budget = BudgetFactory()

        with pytest.raises(IntegrityError):
            BudgetFactory(event=budget.event)

    @pytest.mark.django_db(transaction=True)
    def test_lets_two_lines_change_places_in_one_transaction(self):
        budget = BudgetFactory()
        first = BudgetIncomeFactory(budget=budget, display_order=1)
        second = BudgetIncomeFactory(budget=budget, display_order=2)

        with transaction.atomic():
            type(first).objects.filter(pk=first.pk).update(display_order=2)
            type(first).objects.filter(pk=second.pk).update(display_order=1)

        assert list(budget.incomes.order_by("display_order")) == [second, first]


class TestReceiptScan:
    def test_gets_its_organization_from_the_event_even_past_save(self):
        scan = ReceiptScanFactory()
        elsewhere = OrganizationFactory()

        type(scan).objects.update(organization=elsewhere)

        scan.refresh_from_db()
        assert scan.organization == scan.settlement.event.organization

    @pytest.mark.parametrize("moved", ["event", "settlement", "scan"])
    def test_follows_what_it_belongs_to_into_another_organization(self, moved):
        scan = ReceiptScanFactory()
        elsewhere = SettlementFactory()

        if moved == "event":
            Event.objects.filter(settlement=scan.settlement).update(organization=elsewhere.event.organization)
        elif moved == "settlement":
            Settlement.objects.filter(pk=scan.settlement_id).update(
                event=EventFactory(organization=elsewhere.event.organization)
            )
        else:
            type(scan).objects.update(settlement=elsewhere)

        scan.refresh_from_db()
        assert scan.organization == elsewhere.event.organization

    def test_keeps_its_event_out_of_an_organization_that_has_the_file(self):
        scan = ReceiptScanFactory()
        elsewhere = ReceiptScanFactory(sha256=scan.sha256)

        with pytest.raises(IntegrityError, match="receipt_scan_file_unique"):
            Event.objects.filter(settlement=scan.settlement).update(
                organization=elsewhere.settlement.event.organization
            )

    def test_is_refused_when_the_organization_has_the_file_already(self):
        scan = ReceiptScanFactory()
        event = EventFactory(organization=scan.settlement.event.organization)
        again = ReceiptScanFactory.build(
            settlement=SettlementFactory(event=event), uploaded_by=scan.uploaded_by, sha256=scan.sha256
        )

        with pytest.raises(ValidationError):
            again.full_clean()
        with pytest.raises(IntegrityError, match="receipt_scan_file_unique"):
            again.save()

    def test_of_the_same_file_may_exist_in_another_organization(self):
        scan = ReceiptScanFactory()

        elsewhere = ReceiptScanFactory(sha256=scan.sha256)

        assert elsewhere.pk != scan.pk

    def test_is_refused_when_it_proves_a_line_of_another_settlement(self):
        scan = ReceiptScanFactory()
        scan.settlement_item = SettlementItemFactory()

        with pytest.raises(ValidationError):
            scan.full_clean()
        scan.save()
        with pytest.raises(IntegrityError, match="receipt_scan_item_of_settlement"), transaction.atomic():
            connection.check_constraints()
        type(scan).objects.update(settlement_item=None)

    def test_returns_to_the_inbox_when_its_line_goes(self):
        item = SettlementItemFactory()
        scan = ReceiptScanFactory(settlement=item.settlement, settlement_item=item)

        item.delete()

        scan.refresh_from_db()
        assert scan.settlement_item is None


class TestDeletion:
    def test_takes_the_lines_of_a_budget_along(self):
        line = BudgetIncomeFactory()

        line.budget.delete()

        assert not type(line).objects.exists()

    @pytest.mark.parametrize("parent", ["organization", "created_by"])
    def test_spares_the_organization_and_the_author_of_an_event(self, parent):
        event = EventFactory()

        with pytest.raises(models.ProtectedError):
            getattr(event, parent).delete()
