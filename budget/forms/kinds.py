"""The four forms by the names that a command, a page and a file name use."""

import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from budget.forms.budget_forms import BudgetDetailForm, BudgetForm, budget_detail_form, budget_form
from budget.forms.settlement_forms import (
    ExpenseDetailForm,
    SettlementForm,
    expense_detail_form,
    settlement_form,
)
from budget.models import Budget, Event, Settlement

Form = BudgetForm | BudgetDetailForm | SettlementForm | ExpenseDetailForm


class FormKind(StrEnum):
    BUDGET = "budget"
    BUDGET_DETAIL = "budget-detail"
    SETTLEMENT = "settlement"
    EXPENSE_DETAIL = "expense-detail"


class NothingToPrint(Exception):
    """The event has no budget or no settlement yet."""


def build_form(*, event: Event, kind: FormKind, now: datetime.datetime, with_receipts: bool = False) -> Form:
    """Read what the form shows; only the detail of the spending has receipts. Raises NothingToPrint."""
    match kind:
        case FormKind.BUDGET:
            return budget_form(budget=_budget(event), now=now)
        case FormKind.BUDGET_DETAIL:
            return budget_detail_form(budget=_budget(event), now=now)
        case FormKind.SETTLEMENT:
            return settlement_form(settlement=_settlement(event), now=now)
        case FormKind.EXPENSE_DETAIL:
            return expense_detail_form(settlement=_settlement(event), now=now, with_receipts=with_receipts)


def _budget(event: Event) -> Budget:
    budget = Budget.objects.select_related("event").filter(event=event).first()
    if budget is None:
        raise NothingToPrint(_("%(event)s has no budget yet.") % {"event": event})
    return budget


def _settlement(event: Event) -> Settlement:
    settlement = Settlement.objects.select_related("event__budget").filter(event=event).first()
    if settlement is None:
        raise NothingToPrint(_("%(event)s has no settlement yet.") % {"event": event})
    return settlement
