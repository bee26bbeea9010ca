"""What every page of a record of ours shares."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from budget.admin.relations import RecordSelects
from budget.search import matching
from config.bad_requests import asks_for_year

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

Fieldsets = list[tuple[Any, dict[str, Any]]]


class DayInput(forms.DateInput):
    """The browser's own calendar, which phones know best; it takes no format but this."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class HangulSearch(ModelAdmin):
    """Searches the one decomposed column that `search_fields` names, like "event__search_text"."""

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        (column,) = self.get_search_fields(request)
        return matching(queryset, search_term, path=column.removesuffix("search_text")), False


class RecordAdmin(RecordSelects, HangulSearch):
    """A page with `fields` to fill in; once the record exists also what happened to it, read-only."""

    formfield_overrides = {
        models.DateField: {"widget": DayInput},
        models.TextField: {"widget": AdminTextareaWidget(attrs={"rows": 3})},
    }
    list_per_page = 50
    list_select_related: ClassVar[tuple[str, ...]] = ()
    # Counting all rows, or the rows of each filter, reads the whole table.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    # What is computed, and what only a transition (submit, approve, complete) may write.
    totals: tuple[Any, ...] = ()
    totals_title = _("Totals")
    state: tuple[Any, ...] = ()
    origin: tuple[str, ...] = ("created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        # Not only in lists: the choices of an autocomplete name related records, too.
        rows = super().get_queryset(request)
        return rows.select_related(*self.list_select_related) if self.list_select_related else rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return super().lookup_allowed(lookup, value, request) and not asks_for_year(lookup)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the address fills in; raise ValidationError for a value that its column cannot hold."""
        initial = super().get_changeform_initial_data(request)
        columns = [field for field in self.opts.concrete_fields if initial.get(field.name)]
        return initial | {field.name: field.to_python(initial[field.name]) for field in columns}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Fieldsets:  # type: ignore[override]
        fieldsets: Fieldsets = [(None, {"fields": self.get_fields(request, obj)})]
        if obj is None:
            return fieldsets
        if self.totals:
            fieldsets.append((self.totals_title, {"fields": (self.totals,)}))
        if self.state:
            fieldsets.append((_("State"), {"fields": (self.state,)}))
        return [*fieldsets, (_("Origin"), {"fields": self.origin, "classes": ("collapse",)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return (*self.readonly_fields, *self.totals, *self.state, *self.origin)


class AuthoredAdmin(RecordAdmin):
    """A record whose author is whoever created it here."""

    origin = ("created_by", "created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)


class ReadOnlyAdmin(RecordAdmin):
    """A record that is looked at here, and written elsewhere."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
