"""Columns and read-only fields that several pages show alike."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from budget.money import format_won

Column = Callable[[Any], str]


def won_column(attribute: str, label: Any, *, ordering: str | None = None) -> Column:
    """Return a column of money; the stylesheet right-aligns what is named won_…"""

    @admin.display(description=label, ordering=ordering)
    def column(record: models.Model) -> str:
        # A generated amount of an unsaved line would be looked for in the database.
        return format_won(None if record._state.adding else getattr(record, attribute))

    column.__name__ = f"won_{attribute}"
    return column


@admin.display(description=_("status"), ordering="status")
def status_badge(record: Any) -> SafeString:
    """Return the state as a coloured word; the stylesheet knows the colour of each."""
    return format_html(
        '<span class="status status-{}">{}</span>', record.status.lower(), record.get_status_display()
    )


def show_period(event: Any) -> str:
    """Return 2025-08-01 – 08-03: the year once, and one day once."""
    first, last = event.start_date, event.end_date
    if first == last:
        return f"{first:%Y-%m-%d}"
    return f"{first:%Y-%m-%d} – {last:%m-%d}" if first.year == last.year else f"{first} – {last}"


def show_number(number: Any) -> str:
    """Return a quantity without the zeros that its column stores: 1, 2.5."""
    return f"{number.normalize():f}"
