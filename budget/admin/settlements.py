"""The pages of settlements and their lines."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from budget.admin.columns import status_badge, won_column
from budget.admin.filters import BudgetYearOfEventFilter
from budget.admin.lines import LineInline, SettlementLineForm
from budget.admin.records import AuthoredAdmin, RecordAdmin
from budget.models import Organization, Settlement, SettlementItem

TOTALS = (
    won_column("total_income", _("total income")),
    won_column("total_expense", _("total spending")),
    won_column("balance", _("balance")),
)


class ItemInline(LineInline):
    model = SettlementItem
    form = SettlementLineForm
    fields = (
        "display_order",
        "item_type",
        "category",
        "amount",
        "transacted_on",
        "vendor",
        "description",
        "payment_method",
        "paid_by",
    )
    autocomplete_fields = ("paid_by",)
    related = ("paid_by",)


@admin.register(Settlement)
class SettlementAdmin(AuthoredAdmin):
    list_display = (
        "event_name",
        "organization",
        "start_date",
        status_badge,
        *TOTALS,
        won_column("return_amount", _("amount to return"), ordering="return_amount"),
    )
    list_filter = (BudgetYearOfEventFilter, "status", "event__organization")
    list_select_related = ("event__organization", "created_by", "reviewed_by")
    search_fields = ("event__search_text",)
    search_help_text = _("Name or place of an event")
    ordering = ("-event__start_date", "-id")
    fields = ("event", ("account_balance", "cash_balance"), "return_amount", "notes")
    autocomplete_fields = ("event",)
    inlines = (ItemInline,)
    totals = TOTALS
    state = (status_badge, "reviewed_by", "completed_at")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).with_totals()  # type: ignore[attr-defined,no-any-return]

    @admin.display(description=_("event"), ordering="event__name")
    def event_name(self, settlement: Settlement) -> str:
        return settlement.event.name

    @admin.display(description=_("first day"), ordering="event__start_date")
    def start_date(self, settlement: Settlement) -> str:
        return settlement.event.start_date.isoformat()

    @admin.display(description=_("organization"), ordering="event__organization__display_order")
    def organization(self, settlement: Settlement) -> Organization:
        return settlement.event.organization


@admin.register(SettlementItem)
class SettlementItemAdmin(RecordAdmin):
    form = SettlementLineForm
    list_display = (
        "category",
        "settlement",
        "item_type",
        "transacted_on",
        "vendor",
        won_column("amount", _("amount"), ordering="amount"),
        "payment_method",
        "paid_by",
    )
    list_filter = ("item_type", "payment_method", ("reimbursed_on", admin.EmptyFieldListFilter))
    list_select_related = ("settlement__event", "paid_by")
    search_fields = ("search_text",)
    search_help_text = _("Vendor or description of a line")
    # Newest settlement first, as the keys are ordered by time; its lines in the order of the form.
    ordering = ("-settlement_id", "display_order", "id")
    fields = (
        "settlement",
        "display_order",
        ("item_type", "category"),
        "transacted_on",
        "vendor",
        "description",
        "amount",
        "payment_method",
        ("paid_by", "reimbursed_on"),
        "missing_receipt_reason",
        "note",
    )
    autocomplete_fields = ("settlement", "paid_by")
