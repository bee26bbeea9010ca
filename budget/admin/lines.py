"""Lines of a budget or settlement: forms that put a new line at the end."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Max

from budget.admin.columns import show_number
from budget.admin.inlines import RowForm, RowInline
from budget.admin.records import DayInput

# Far above any form's number of lines; leaves room in the column for the lines behind.
LAST_PLACE = 100_000


class QuantityInput(forms.NumberInput):
    """A number field that shows 1 and 2.5 where the column stores 1.00 and 2.50."""

    def format_value(self, value: Any) -> str | None:
        return show_number(value) if hasattr(value, "normalize") else super().format_value(value)


class LineForm(RowForm):
    """The form of a line; one without a place in the order goes behind the others."""

    parent: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "display_order" in self.fields:
            self.fields["display_order"].required = False
            self.fields["display_order"].validators.append(MaxValueValidator(LAST_PLACE))

    def save(self, commit: bool = True) -> Any:
        if self.instance.display_order is None:
            self.instance.display_order = next_order(line=self.instance, parent=self.parent)
        return super().save(commit=commit)


class BudgetLineForm(LineForm):
    parent = "budget"


class SettlementLineForm(LineForm):
    parent = "settlement"


class LineInline(RowInline):
    ordering = ("display_order", "id")
    formfield_overrides = {
        models.DateField: {"widget": DayInput},
        models.DecimalField: {"widget": QuantityInput},
    }
    show_change_link = True


def next_order(*, line: Any, parent: str) -> int:
    """Return the place behind the last line, and keep others from taking it until the transaction ends."""
    relation = type(line)._meta.get_field(parent)
    # The lock: whoever adds a line at the same moment waits here.
    relation.related_model._base_manager.select_for_update().get(pk=getattr(line, relation.attname))
    siblings = type(line)._base_manager.filter(**{relation.attname: getattr(line, relation.attname)})
    last: int | None = siblings.aggregate(last=Max("display_order"))["last"]
    return 1 if last is None else last + 1
