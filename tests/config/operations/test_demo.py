"""The demo data agree with themselves, and its worked example with the forms' specification."""

import pytest
from django.apps import apps
from django.db.models import F, Q, Sum

from budget.models import (
    Budget,
    BudgetIncome,
    Event,
    Membership,
    Organization,
    Settlement,
    SettlementItem,
)
from config.operations.integrity import find_problems
from config.operations.seed import seed
from receipts.models import OcrResult, ReceiptScan, ReceiptValidation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo(settings, tmp_path, db):
    settings.MEDIA_ROOT = tmp_path
    seed(demo=True)


@pytest.fixture
def winter_retreat():
    return Budget.objects.with_totals().get(event__name="겨울피정 2025")


class TestDemoYear:
    def test_is_free_of_problems(self):
        assert [(problem.id, problem.msg, problem.obj) for problem in find_problems()] == []

    def test_obeys_every_rule_of_the_models(self):
        for label in ("budget", "receipts"):
            for model in apps.get_app_config(label).get_models():
                for row in model.objects.all():
                    row.full_clean()

    @pytest.mark.parametrize(
        ("model", "column"),
        [
            (Event, "status"),
            (Budget, "status"),
            (Settlement, "status"),
            (Membership, "role"),
            (SettlementItem, "payment_method"),
            (OcrResult, "status"),
        ],
    )
    def test_shows_every_state(self, model, column):
        choices = {value for value, _label in model._meta.get_field(column).choices}

        assert choices <= set(model.objects.values_list(column, flat=True))

    def test_shows_receipts_in_every_stage_of_their_check_but_rejection(self):
        statuses = set(ReceiptValidation.objects.values_list("status", flat=True))

        assert statuses == {"PENDING", "CONFIRMED", "CORRECTED"}

    def test_gives_every_organization_every_role(self):
        roles = {role for role, _label in Membership.Role.choices}

        for organization in Organization.objects.all():
            assert set(organization.memberships.values_list("role", flat=True)) == roles

    def test_has_an_amended_budget(self):
        assert Budget.objects.filter(version=2, status="APPROVED").count() == 1

    def test_has_lines_that_are_reimbursed_and_lines_that_are_not(self):
        personal = SettlementItem.objects.filter(payment_method="PERSONAL_CARD")

        assert personal.filter(reimbursed_on=None).exists()
        assert personal.exclude(reimbursed_on=None).exists()
        assert SettlementItem.objects.exclude(missing_receipt_reason="").exists()

    def test_spends_in_every_budget_what_it_takes_in(self):
        assert not Budget.objects.with_totals().exclude(balance=0).exists()

    def test_knows_the_size_of_each_receipt_file(self):
        scans = ReceiptScan.objects.all()

        assert scans
        assert all(scan.byte_size == scan.file.size for scan in scans)

    def test_proves_with_each_checked_receipt_the_line_it_is_attached_to(self):
        checked = ReceiptValidation.objects.exclude(status="PENDING")
        agreeing = checked.filter(
            total_amount=F("ocr_result__scan__settlement_item__amount"),
            paid_on=F("ocr_result__scan__settlement_item__transacted_on"),
            merchant=F("ocr_result__scan__settlement_item__vendor"),
        )

        assert agreeing.count() == checked.count() == 2


class TestWinterRetreat:
    def test_has_the_totals_of_the_form(self, winter_retreat):
        assert winter_retreat.total_income == 5_500_000
        assert winter_retreat.total_expense == 5_500_000
        assert winter_retreat.total_subsidy == 4_000_000
        assert winter_retreat.own_funds == 1_500_000
        assert winter_retreat.balance == 0

    def test_has_the_income_lines_of_the_form(self, winter_retreat):
        lines = winter_retreat.incomes.order_by("display_order")

        assert list(lines.values_list("title", "amount", "is_parish_subsidy", "note")) == [
            ("참가비", 900_000, False, "학생 30인 × 3만"),
            ("본당지원금", 4_000_000, True, ""),
            ("후원금", 600_000, False, ""),
        ]

    def test_has_the_detail_lines_of_the_form(self, winter_retreat):
        lines = winter_retreat.expenses.order_by("display_order")

        assert list(
            lines.values_list(
                "category",
                "detail",
                "unit_price",
                "quantity",
                "quantity_unit",
                "times",
                "times_unit",
                "amount",
            )
        ) == [
            ("숙소", "숙박비", 15_000, 30, "명", 2, "박", 900_000),
            ("식비", "자체", 8_000, 30, "명", 4, "회", 960_000),
            ("식비", "외부", 10_000, 30, "명", 1, "회", 300_000),
            ("간식비", "간식", 3_000, 30, "명", 4, "회", 360_000),
            ("차량", "관광버스", 700_000, 1, "대", 2, "회", 1_400_000),
            ("프로그램", "눈썰매", 20_000, 30, "명", 1, "", 600_000),
            ("프로그램", "준비물", 180_000, 1, "", 1, "", 180_000),
            ("보험료", "", 72_300, 1, "", 1, "", 72_300),
            ("예비비", "", 727_700, 1, "", 1, "", 727_700),
        ]

    def test_sums_its_categories_as_the_budget_form_prints_them(self, winter_retreat):
        sums = dict(winter_retreat.expenses.values_list("category").annotate(Sum("amount")))

        assert sums == {
            "숙소": 900_000,
            "식비": 1_260_000,
            "간식비": 360_000,
            "차량": 1_400_000,
            "프로그램": 780_000,
            "보험료": 72_300,
            "예비비": 727_700,
        }

    def test_requests_with_those_before_it_what_the_form_prints(self, winter_retreat):
        event = winter_retreat.event
        up_to_this_one = Q(
            budget__event__organization=event.organization,
            budget__event__start_date__year=event.start_date.year,
            budget__status__in=["SUBMITTED", "APPROVED"],
            budget__submitted_at__lte=winter_retreat.submitted_at,
        )
        subsidies = BudgetIncome.objects.filter(up_to_this_one, is_parish_subsidy=True)
        requested = subsidies.aggregate(total=Sum("amount"))["total"]
        allocated = event.organization.allocations.get(year=event.start_date.year).amount

        assert requested == 5_250_000
        assert requested - winter_retreat.total_subsidy == 1_250_000
        assert allocated == 6_500_000
        assert allocated - requested == 1_250_000
