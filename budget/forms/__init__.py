"""The four official forms: what they show, and how they become files."""

from budget.forms.kinds import Form, FormKind, NothingToPrint, build_form
from budget.forms.pdf import UnableToPrint, print_pdf

__all__ = ["Form", "FormKind", "NothingToPrint", "UnableToPrint", "build_form", "print_pdf"]
