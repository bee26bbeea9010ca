"""How amounts and days stand on the official forms."""

import datetime
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from budget.forms.document import show_day

register = template.Library()


@register.filter
def amount(won: int | None, sign: str = "") -> SafeString:
    """Return 1,400,000, after the currency's sign if one is given; red below zero, a dash for nothing."""
    if won is None:
        return SafeString("-")
    if won < 0:
        return format_html('<span class="negative">-{}{}</span>', sign, f"{-won:,}")
    return format_html("{}{}", sign, f"{won:,}")


@register.simple_tag
def measure(number: Decimal, unit: str) -> str:
    """Return 39명, or a point where a number does not apply."""
    return f"{number.normalize():,f}{unit}" if unit or number != 1 else "."


@register.filter
def day(value: datetime.date | None) -> str:
    return show_day(value) if value else ""
