"""The pages of budgets and their lines."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from budget.admin.columns import show_number, status_badge, won_column
from budget.admin.filters import BudgetYearOfEventFilter
from budget.admin.lines import BudgetLineForm, LineInline, QuantityInput
from budget.admin.records import AuthoredAdmin, RecordAdmin
from budget.models import Budget, BudgetExpense, BudgetIncome, Organization
from budget.money import format_won

AMOUNT = won_column("amount", _("amount"), ordering="amount")
LISTED_TOTALS = (
    won_column("total_income", _("total income")),
    won_column("total_expense", _("total spending")),
    won_column("total_subsidy", _("parish subsidy")),
)
TOTALS = (
    *LISTED_TOTALS,
    won_column("own_funds", _("own funds")),
    won_column("balance", _("balance")),
)


class IncomeInline(LineInline):
    model = BudgetIncome
    form = BudgetLineForm
    fields = ("display_order", "title", "amount", "is_parish_subsidy", "note")


class ExpenseInline(LineInline):
    model = BudgetExpense
    form = BudgetLineForm
    fields = (
        "display_order",
        "category",
        "detail",
        "unit_price",
        "quantity",
        "quantity_unit",
        "times",
        "times_unit",
        "won_amount",
        "note",
    )
    readonly_fields = ("won_amount",)

    @admin.display(description=_("amount"))
    def won_amount(self, line: BudgetExpense) -> str:
        return AMOUNT(line)


@admin.register(Budget)
class BudgetAdmin(AuthoredAdmin):
    list_display = ("event_name", "organization", "start_date", status_badge, *LISTED_TOTALS)
    list_filter = (BudgetYearOfEventFilter, "status", "event__organization")
    list_select_related = ("event__organization", "created_by", "decided_by")
    search_fields = ("event__search_text",)
    search_help_text = _("Name or place of an event")
    ordering = ("-event__start_date", "-id")
    fields = ("event", ("deposit_account", "account_holder"), "notes")
    autocomplete_fields = ("event",)
    inlines = (IncomeInline, ExpenseInline)
    totals = TOTALS
    state = (status_badge, "version", "submitted_at", "decided_by", "decided_at", "rejection_reason")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).with_totals()  # type: ignore[attr-defined,no-any-return]

    @admin.display(description=_("event"), ordering="event__name")
    def event_name(self, budget: Budget) -> str:
        return budget.event.name

    @admin.display(description=_("first day"), ordering="event__start_date")
    def start_date(self, budget: Budget) -> str:
        return budget.event.start_date.isoformat()

    @admin.display(description=_("organization"), ordering="event__organization__display_order")
    def organization(self, budget: Budget) -> Organization:
        return budget.event.organization


class BudgetLineAdmin(RecordAdmin):
    form = BudgetLineForm
    list_select_related = ("budget__event",)
    search_fields = ("budget__event__search_text",)
    search_help_text = _("Name or place of an event")
    # Newest budget first, as the keys are ordered by time; its lines in the order of the form.
    ordering = ("-budget_id", "display_order", "id")
    autocomplete_fields = ("budget",)


@admin.register(BudgetIncome)
class BudgetIncomeAdmin(BudgetLineAdmin):
    list_display = ("title", "budget", "display_order", "is_parish_subsidy", AMOUNT)
    list_filter = ("is_parish_subsidy", "budget__status")
    fields = ("budget", "display_order", "title", "amount", "is_parish_subsidy", "note")


@admin.register(BudgetExpense)
class BudgetExpenseAdmin(BudgetLineAdmin):
    form = BudgetLineForm
    list_display = ("category", "detail", "budget", "display_order", "calculation", AMOUNT)
    list_filter = ("budget__status",)
    fields = (
        "budget",
        "display_order",
        ("category", "detail"),
        "unit_price",
        ("quantity", "quantity_unit"),
        ("times", "times_unit"),
        "note",
    )
    formfield_overrides = {models.DecimalField: {"widget": QuantityInput}}
    totals = (AMOUNT,)

    @admin.display(description=_("calculation"))
    def calculation(self, line: BudgetExpense) -> str:
        """Return 8,000원 × 30명 × 2회; a count of one without a unit says nothing."""
        counts = ((line.quantity, line.quantity_unit), (line.times, line.times_unit))
        shown = [f"{show_number(number)}{unit}" for number, unit in counts if unit or number != 1]
        return " × ".join([format_won(line.unit_price), *shown])
