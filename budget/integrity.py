"""What may be wrong with budgets and settlements although every single row is valid."""

from collections.abc import Iterator

from django.core import checks
from django.db.models import BigIntegerField, F
from django.db.models.functions import Cast, Round
from django.utils.translation import gettext as _

from budget.models import Budget, BudgetExpense, Settlement
from budget.models.budget_lines import PRODUCT
from budget.money import format_won


def check_integrity(*, using: str) -> Iterator[checks.CheckMessage]:
    yield from _settlements_that_do_not_add_up(using)
    yield from _approved_budgets_without_spending(using)
    yield from _wrong_products(using)
    yield from _decisions_before_submission(using)


def _settlements_that_do_not_add_up(using: str) -> Iterator[checks.CheckMessage]:
    completed = Settlement.objects.using(using).with_totals().filter(status=Settlement.Status.COMPLETED)
    distributed = F("return_amount") + F("account_balance") + F("cash_balance")
    wrong = completed.annotate(difference=F("balance") - distributed).exclude(difference=0)
    for settlement in wrong.select_related("event").order_by("pk"):
        difference: int = settlement.difference  # type: ignore[attr-defined]
        yield checks.Error(
            _(
                "This completed settlement does not add up: amount to return, account balance and cash "
                "balance differ from the budget balance by %(difference)s."
            )
            % {"difference": format_won(difference)},
            hint=_("Compare its lines and balances with the bank book; correct what is wrong."),
            obj=settlement,
            id="budget.E101",
        )


def _approved_budgets_without_spending(using: str) -> Iterator[checks.CheckMessage]:
    approved = Budget.objects.using(using).filter(status=Budget.Status.APPROVED, expenses__isnull=True)
    for budget in approved.select_related("event").order_by("pk"):
        yield checks.Error(
            _("This budget is approved but has no line of spending."),
            hint=_("Find in a backup what was approved, or reopen the budget and write its lines again."),
            obj=budget,
            id="budget.E102",
        )


def _wrong_products(using: str) -> Iterator[checks.CheckMessage]:
    expected = Cast(Round(PRODUCT), BigIntegerField())
    lines = BudgetExpense.objects.using(using).annotate(expected=expected).exclude(amount=F("expected"))
    for line in lines.select_related("budget__event").order_by("pk"):
        yield checks.Error(
            _("The amount of this line of “%(budget)s” is %(amount)s, but its product is %(expected)s.")
            % {
                "budget": line.budget,
                "amount": format_won(line.amount),
                "expected": format_won(line.expected),
            },
            hint=_("The column is no longer a generated one. Compare the schema with the migrations."),
            obj=line,
            id="budget.E103",
        )


def _decisions_before_submission(using: str) -> Iterator[checks.CheckMessage]:
    decided = Budget.objects.using(using).filter(status__in=[Budget.Status.APPROVED, Budget.Status.REJECTED])
    for budget in decided.filter(decided_at__lt=F("submitted_at")).select_related("event").order_by("pk"):
        yield checks.Error(
            _("This budget was decided before it was submitted."),
            hint=_("Correct the time of the submission or of the decision."),
            obj=budget,
            id="budget.E104",
        )
