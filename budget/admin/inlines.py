"""Rows on the page of their parent, without a query for each row."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models.constraints import UniqueConstraint
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from budget.admin.relations import RecordSelect, RecordSelects

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    InlineFormSet = BaseInlineFormSet[Any, Any, Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelForm = forms.ModelForm
    InlineFormSet = BaseInlineFormSet
    TabularInline = admin.TabularInline


class RowForm(ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            select = getattr(field.widget, "widget", None)
            if isinstance(select, RecordSelect):
                select.loaded = select.field.get_cached_value(self.instance, default=None)


class RowFormSet(InlineFormSet):
    def get_unique_error_message(self, unique_check: Any) -> str:
        """Say the constraint's own sentence, where Django would list column names."""
        meta = self.get_queryset().model._meta
        constraints = (c for c in meta.constraints if isinstance(c, UniqueConstraint))
        sentences = [c.violation_error_message for c in constraints if c.fields == tuple(unique_check)]
        return str(sentences[0]) if sentences else super().get_unique_error_message(unique_check)


class RowInline(RecordSelects, TabularInline):
    form = RowForm
    formset = RowFormSet
    extra = 0
    related: tuple[str, ...] = ()  # What a row names: its choices, and what its own name is made of.

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.related) if self.related else rows
