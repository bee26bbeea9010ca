"""What stands in forms 1 and 2."""

import datetime

import pytest

from budget.forms.budget_forms import budget_detail_form, budget_form, sum_of_earlier_requests
from budget.models import Budget
from tests.budget.forms.conftest import NOW, request
from tests.factories import BudgetExpenseFactory, BudgetIncomeFactory, OrganizationFactory

DAY = datetime.timedelta(days=1)


class TestBudgetForm:
    def test_reads_like_the_worked_example(self, budget):
        form = budget_form(budget=budget, now=NOW)

        assert form.title == "겨울피정 2025 예산서"
        assert [(line.title, line.amount, line.note) for line in form.incomes] == [
            ("참가비", 900_000, "학생 30인 × 3만"),
            ("본당지원금", 4_000_000, ""),
            ("후원금", 600_000, ""),
        ]
        assert [(line.title, line.amount) for line in form.expenses] == [
            ("숙소", 900_000),
            ("식비", 1_260_000),
            ("간식비", 360_000),
            ("차량", 1_400_000),
            ("프로그램", 780_000),
            ("보험료", 72_300),
            ("예비비", 727_700),
        ]
        assert (form.total_income, form.total_expense) == (5_500_000, 5_500_000)
        assert (form.subsidy, form.own_funds) == (4_000_000, 1_500_000)
        assert (form.allocation, form.all_requests, form.remaining) == (6_500_000, 5_250_000, 1_250_000)

    def test_agrees_with_the_sums_of_the_database(self, budget):
        form = budget_form(budget=budget, now=NOW)

        stored = Budget.objects.with_totals().get(pk=budget.pk)
        assert (form.total_income, form.total_expense) == (stored.total_income, stored.total_expense)
        assert (form.subsidy, form.own_funds) == (stored.total_subsidy, stored.own_funds)

    def test_has_twelve_rows_or_as_many_as_it_needs(self, budget):
        assert len(budget_form(budget=budget, now=NOW).rows) == 12

        for order in range(100, 106):
            BudgetExpenseFactory(budget=budget, display_order=order, category=f"분류 {order}")
        rows = budget_form(budget=budget, now=NOW).rows

        assert len(rows) == 13
        assert [income for income, _expense in rows[3:]] == [None] * 10

    def test_prints_a_repeated_item_once(self, budget):
        BudgetIncomeFactory(budget=budget, display_order=4, title="후원금", amount=1)
        BudgetIncomeFactory(budget=budget, display_order=5, title="참가비", amount=2)

        titles = [line.title for line in budget_form(budget=budget, now=NOW).incomes]

        assert titles == ["참가비", "본당지원금", "후원금", "", "참가비"]

    def test_gathers_the_notes_of_a_category(self, budget):
        for order, note in ((100, "김밥"), (101, ""), (102, "김밥"), (103, "과일")):
            BudgetExpenseFactory(budget=budget, display_order=order, category="도시락", note=note)

        assert budget_form(budget=budget, now=NOW).expenses[-1].note == "김밥, 과일"

    def test_leaves_open_what_remains_of_no_allocation(self, budget):
        budget.event.organization.allocations.all().delete()

        form = budget_form(budget=budget, now=NOW)

        assert (form.allocation, form.all_requests, form.remaining) == (None, 5_250_000, None)

    @pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "REJECTED"])
    def test_is_a_draft_until_it_is_approved(self, budget, status):
        assert not budget_form(budget=budget, now=NOW).imprint.is_draft

        budget.status = status
        assert budget_form(budget=budget, now=NOW).imprint.is_draft

    @pytest.mark.usefixtures("english")
    def test_tells_status_version_and_time_at_its_foot_in_korean(self, budget):
        assert str(budget_form(budget=budget, now=NOW).imprint) == "예산 승인됨 · 제1판 · 인쇄 2025.2.1 12:04"

    def test_asks_few_questions_however_long_it_is(self, budget, django_assert_num_queries):
        with django_assert_num_queries(4):
            budget_form(budget=budget, now=NOW)


class TestSumOfEarlierRequests:
    def test_counts_what_was_submitted_before_and_not_what_came_after(self, budget):
        request(budget.event.organization, amount=7, submitted_at=budget.submitted_at + DAY)

        assert sum_of_earlier_requests(budget=budget) == 1_250_000

    def test_counts_everything_submitted_for_a_draft(self, budget):
        request(budget.event.organization, amount=7, submitted_at=budget.submitted_at + DAY)
        budget.status = "DRAFT"

        assert sum_of_earlier_requests(budget=budget) == 1_250_007

    def test_leaves_out_rejected_budgets_other_years_and_other_organizations(self, budget):
        before = budget.submitted_at - DAY
        organization = budget.event.organization
        request(organization, amount=1, submitted_at=before, status="REJECTED")
        request(organization, amount=2, submitted_at=before, start_date=datetime.date(2024, 12, 31))
        request(OrganizationFactory(), amount=4, submitted_at=before)

        assert sum_of_earlier_requests(budget=budget) == 1_250_000

    def test_counts_one_of_two_that_were_submitted_at_the_same_instant(self, budget):
        later = request(budget.event.organization, amount=7, submitted_at=budget.submitted_at)

        assert sum_of_earlier_requests(budget=budget) == 1_250_000
        assert sum_of_earlier_requests(budget=later) == 5_250_000


class TestBudgetDetailForm:
    def test_multiplies_what_applies(self, budget):
        form = budget_detail_form(budget=budget, now=NOW)

        assert form.title == "겨울피정 2025 예산상세 내역서"
        assert form.total == 5_500_000
        assert [(line.category, line.detail, line.unit_price, line.amount) for line in form.lines[:2]] == [
            ("숙소", "숙박비", 15_000, 900_000),
            ("식비", "자체", 8_000, 960_000),
        ]

    def test_has_the_sums_of_the_budget(self, budget):
        detail = budget_detail_form(budget=budget, now=NOW)
        meals = sum(line.amount for line in detail.lines if line.category == "식비")

        assert meals == budget_form(budget=budget, now=NOW).expenses[1].amount
