"""The pages of events."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from budget.admin.columns import show_period, status_badge, won_column
from budget.admin.filters import BudgetYearFilter
from budget.admin.records import AuthoredAdmin
from budget.models import Event


@admin.register(Event)
class EventAdmin(AuthoredAdmin):
    list_display = (
        "name",
        status_badge,
        "organization",
        "period",
        won_column("allocated_amount", _("allocated amount"), ordering="allocated_amount"),
    )
    list_filter = (BudgetYearFilter, "status", "organization")
    list_select_related = ("organization", "created_by")
    search_fields = ("search_text",)
    search_help_text = _("Name or place of an event")
    ordering = ("-start_date", "-id")
    fields = (
        "organization",
        "name",
        ("start_date", "end_date"),
        "location",
        "allocated_amount",
        "description",
    )
    autocomplete_fields = ("organization",)
    state = (status_badge,)

    @admin.display(description=_("period"), ordering="start_date")
    def period(self, event: Event) -> str:
        return show_period(event)
