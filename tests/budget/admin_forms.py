"""What a browser would send to the admin pages of the budget, and what it would find on them."""

import re

from django.urls import reverse
from django.utils.translation import override


def page(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def rows(prefix, existing, new=()):
    """Return the fields of an inline: (row, changes) pairs for existing rows, dictionaries for new ones."""
    forms = [{"id": row.pk, **changes} for row, changes in existing] + list(new)
    data = {f"{prefix}-TOTAL_FORMS": len(forms), f"{prefix}-INITIAL_FORMS": len(existing)}
    for number, form in enumerate(forms):
        data |= {f"{prefix}-{number}-{name}": value for name, value in form.items()}
    return data


def budget_form(budget, *, incomes=None, expenses=None):
    return {
        "event": budget.event_id,
        **(incomes or rows("incomes", [])),
        **(expenses or rows("expenses", [])),
    }


def errors(response):
    """Return every sentence on the page that tells what to correct."""
    return re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', response.text, re.DOTALL)


def sentence(model, constraint):
    found = [each for each in model._meta.constraints if each.name == constraint]
    with override("ko"):
        return str(found[0].violation_error_message)


INCOME = {"title": "참가비", "amount": "1,400,000", "note": ""}
EVENT = {
    "name": "여름캠프",
    "start_date": "2025-08-01",
    "end_date": "2025-08-03",
    "location": "",
    "allocated_amount": "",
    "description": "",
}
