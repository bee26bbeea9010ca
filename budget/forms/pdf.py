"""Prints a form as PDF. The same form gives the same bytes: no date in the file comes from the clock."""

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from budget.forms.document import korean
from budget.forms.kinds import Form
from budget.forms.settlement_forms import ExpenseDetailForm


class UnableToPrint(Exception):
    """A library of the system is missing; the message says the next command."""


@korean
def print_pdf(*, form: Form) -> bytes:
    """Return the file. Raises UnableToPrint."""
    try:
        # Not at the top: it loads Pango, and pages that print nothing work without it.
        from budget.forms.printing_press import press
    except OSError as error:
        message = _("A library that prints PDF files is missing: %(reason)s\n→ Install it: make setup")
        raise UnableToPrint(message % {"reason": error}) from error
    receipts = form.receipts if isinstance(form, ExpenseDetailForm) else ()
    pictures = {receipt.address: receipt.picture for receipt in receipts if receipt.picture}
    return press(render_to_string(form.template, {"form": form}), pictures=pictures)
