import datetime

import pytest
from django.db import connection
from django.utils import timezone

from budget.integrity import check_integrity
from tests.factories import BudgetExpenseFactory, BudgetFactory, SettlementFactory, SettlementItemFactory

pytestmark = pytest.mark.django_db


def find():
    return list(check_integrity(using="default"))


class TestSettlements:
    def settlement(self, **fields):
        settlement = SettlementFactory(**fields)
        SettlementItemFactory(settlement=settlement, item_type="INCOME", amount=100_000)
        SettlementItemFactory(settlement=settlement, item_type="EXPENSE", amount=70_000)
        return settlement

    def test_that_do_not_add_up_are_found_with_the_difference(self):
        settlement = self.settlement(status="COMPLETED", return_amount=20_000, account_balance=8_766)

        [problem] = find()

        assert problem.id == "budget.E101"
        assert problem.obj == settlement
        assert "1,234" in problem.msg

    def test_that_add_up_are_fine(self):
        self.settlement(status="COMPLETED", return_amount=20_000, account_balance=9_000, cash_balance=1_000)

        assert find() == []

    @pytest.mark.parametrize("status", ["DRAFT", "IN_REVIEW"])
    def test_that_are_not_completed_may_be_unfinished(self, status):
        self.settlement(status=status)

        assert find() == []


class TestApprovedBudgets:
    def test_without_spending_are_found(self):
        budget = BudgetFactory(status="APPROVED")

        [problem] = find()

        assert problem.id == "budget.E102"
        assert problem.obj == budget

    def test_with_spending_are_fine(self):
        BudgetExpenseFactory(budget__status="APPROVED")

        assert find() == []

    @pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "REJECTED"])
    def test_may_be_empty_before_their_approval(self, status):
        BudgetFactory(status=status)

        assert find() == []


class TestProducts:
    def test_that_are_wrong_are_found(self):
        line = BudgetExpenseFactory(unit_price=8_000, quantity=30, times=4)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE budget_expenses ALTER amount DROP EXPRESSION")
            cursor.execute("UPDATE budget_expenses SET amount = 950000")

        [problem] = find()

        assert problem.id == "budget.E103"
        assert problem.obj == line
        assert "950,000" in problem.msg
        assert "960,000" in problem.msg

    def test_of_fractions_are_rounded_as_the_column_rounds_them(self):
        BudgetExpenseFactory(unit_price=1_561, quantity="35.23")

        assert find() == []


class TestDecisions:
    def test_before_the_submission_are_found(self):
        submitted_at = timezone.now()
        decided_at = submitted_at - datetime.timedelta(days=1)
        budget = BudgetFactory(status="REJECTED", submitted_at=submitted_at, decided_at=decided_at)

        [problem] = find()

        assert problem.id == "budget.E104"
        assert problem.obj == budget

    def test_on_an_earlier_version_are_fine(self):
        submitted_at = timezone.now()
        decided_at = submitted_at - datetime.timedelta(days=1)
        BudgetFactory(status="SUBMITTED", version=2, submitted_at=submitted_at, decided_at=decided_at)

        assert find() == []
