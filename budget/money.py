"""Amounts of money: whole won, as the won has no minor unit."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext as _

# Far above any parish's figures, far below what bigint and a spreadsheet hold exactly.
LARGEST_AMOUNT = 1_000_000_000_000


class MoneyField(models.BigIntegerField):  # type: ignore[type-arg] # not generic at run time
    """A bigint of whole won, typed and shown with thousands separators in forms."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        # Migrations see the plain column, so that this class may change or go.
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.BigIntegerField", args, kwargs

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        widget = forms.TextInput(attrs={"class": "money", "inputmode": "numeric"})
        return super().formfield(**{"localize": True, **kwargs, "widget": widget})


def format_won(amount: int | None) -> str:
    """Return 1,400,000원, or a dash where there is no amount."""
    return "-" if amount is None else _("%(amount)s won") % {"amount": f"{amount:,}"}
