"""The page of the audit trail: everybody with the right may look, nobody may write."""

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.models import AuditTrail
from config.bad_requests import asks_for_year

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[AuditTrail]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(AuditTrail)
class AuditTrailAdmin(ModelAdmin):
    list_display = ("occurred_at", "action", "severity", "table_name", "show_fields", "actor_name", "reason")
    list_filter = (("occurred_at", admin.DateFieldListFilter), "action", "severity")
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("record_id",)
    search_help_text = _("Key of a record or of a person")
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("occurred_at", "action", "severity", "table_name", "record_id", "reason")}),
        (_("Changes"), {"fields": ("changes",)}),
        (_("Person"), {"fields": ("actor_name", "actor_email", "actor_id", "organization_id")}),
        (
            _("Technical details"),
            {
                "fields": (
                    "ip_address",
                    "user_agent",
                    "session_hash",
                    "request_id",
                    "command",
                    "transaction_id",
                    "database_role",
                    "position",
                )
            },
        ),
    )
    readonly_fields = ("changes",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditTrail | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditTrail | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return super().lookup_allowed(lookup, value, request) and not asks_for_year(lookup)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditTrail], search_term: str
    ) -> tuple[QuerySet[AuditTrail], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        key = _key(term)
        return (queryset.filter(_about(key)) if key else queryset.none()), False

    @admin.display(description=_("changed fields"))
    def show_fields(self, entry: AuditTrail) -> str:
        return ", ".join(entry.changed_fields)

    @admin.display(description=_("changes"))
    def changes(self, entry: AuditTrail) -> SafeString | str:
        """Return a table of each column's value before and after."""
        before, after = _columns(entry.old_values), _columns(entry.new_values)
        names = list({**before, **after})
        if not names:
            return "-"
        rows = ((name, _shown(before, name), _shown(after, name)) for name in names)
        return format_html(
            '<table class="changes"><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
            '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>',
            _("Column"),
            _("Before"),
            _("After"),
            format_html_join("", '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', rows),
        )


def _about(key: UUID) -> Q:
    return Q(record_id=key) | Q(actor_id=key)


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _columns(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {}


def _shown(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
