"""The admin site of the committee: Django's own, with our title and the operators' pages."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.operations.inspection import inspect_migrations

# In the order of the life of an event; Django would sort by the translated name.
APP_ORDER = ("budget", "receipts", "audit")
PAGE_ORDER = (
    "Event",
    "Budget",
    "BudgetIncome",
    "BudgetExpense",
    "Settlement",
    "SettlementItem",
    "AnnualAllocation",
    "Organization",
    "Membership",
    "User",
    "ReceiptScan",
    "OcrResult",
    "ReceiptValidation",
)
MOST_RUNS = 50


class ParishAdminSite(admin.AdminSite):
    site_title = gettext_lazy("Youth committee budget")
    site_header = gettext_lazy("Youth committee budget and settlement")
    index_title = gettext_lazy("Overview")
    site_url = None  # The site has no pages besides these.

    def get_urls(self) -> list[URLPattern | URLResolver]:
        page = self.admin_view(require_safe(self.migrations))
        return [path("migrations/", page, name="migrations"), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        apps.sort(key=lambda app: _place(APP_ORDER, app["app_label"]))
        for app in apps:
            app["models"].sort(key=lambda entry: _place(PAGE_ORDER, entry["object_name"]))
        if app_label is None and _is_superuser(request):
            apps.append(_operations())
        return apps

    def migrations(self, request: HttpRequest) -> HttpResponse:
        # This module is loaded with the configuration of the admin, before there are models.
        from config.operations.schema_change.runs import read_runs

        if not _is_superuser(request):
            raise PermissionDenied
        context = {
            **self.each_context(request),
            "title": _("Migrations"),
            "inspection": inspect_migrations(connection=connection),
            "runs": read_runs(connection=connection, most=MOST_RUNS),
        }
        return TemplateResponse(request, "operations/migrations.html", context)


class ParishAdminConfig(AdminConfig):
    default_site = "config.administration.ParishAdminSite"


def _place(order: tuple[str, ...], item: str) -> int:
    return order.index(item) if item in order else len(order)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _operations() -> dict[str, Any]:
    """Return the section of the operators' pages, in the form of Django's section of an app."""
    address = reverse("admin:migrations")
    page: dict[str, Any] = {
        "name": _("Migrations"),
        "object_name": "Migrations",
        "admin_url": address,
        "add_url": None,
        "view_only": True,
        "perms": {},
    }
    return {"name": _("Operations"), "app_label": "operations", "app_url": address, "models": [page]}
