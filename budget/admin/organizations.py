"""The pages of organizations, their members and what they are allocated."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from budget.admin.columns import won_column
from budget.admin.inlines import RowInline
from budget.admin.records import RecordAdmin
from budget.models import AnnualAllocation, Membership, Organization


class AllocationInline(RowInline):
    model = AnnualAllocation
    fields = ("year", "amount")
    related = ("organization",)
    ordering = ("-year", "id")


@admin.register(Organization)
class OrganizationAdmin(RecordAdmin):
    list_display = ("name", "code", "description", "display_order", "is_active")
    list_filter = ("is_active",)
    search_fields = ("search_text",)
    ordering = ("display_order", "name", "id")
    fields = ("name", "code", "description", "display_order", "is_active")
    inlines = (AllocationInline,)


@admin.register(Membership)
class MembershipAdmin(RecordAdmin):
    list_display = ("user", "organization", "role", "is_active", "joined_at")
    list_filter = ("organization", "role", "is_active")
    list_select_related = ("user", "organization")
    search_fields = ("user__search_text",)
    search_help_text = _("Name, baptismal name or e-mail address of a person")
    ordering = ("organization__display_order", "user__name", "id")
    fields = ("user", "organization", "role", "joined_at", "is_active")
    autocomplete_fields = ("user", "organization")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"joined_at": timezone.now(), **super().get_changeform_initial_data(request)}


@admin.register(AnnualAllocation)
class AnnualAllocationAdmin(RecordAdmin):
    list_display = ("organization", "show_year", won_column("amount", _("amount"), ordering="amount"))
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("organization__search_text",)
    search_help_text = _("Name or code of an organization")
    ordering = ("-year", "organization__display_order", "id")
    fields = ("organization", "year", "amount")
    autocomplete_fields = ("organization",)

    @admin.display(description=_("year"), ordering="year")
    def show_year(self, allocation: AnnualAllocation) -> str:
        return str(allocation.year)  # A year has no thousands separator.
