"""The four official forms: what they show, and how they become PDF files and spreadsheets."""

from budget.forms.export import (
    ExportedForm,
    FileFormat,
    NoReceiptsInForm,
    NoSuchEvent,
    export_form,
    find_event,
)
from budget.forms.kinds import Form, FormKind, NothingToPrint, build_form
from budget.forms.pdf import UnableToPrint, print_pdf
from budget.forms.xlsx import write_xlsx

__all__ = [
    "ExportedForm",
    "FileFormat",
    "Form",
    "FormKind",
    "NoReceiptsInForm",
    "NoSuchEvent",
    "NothingToPrint",
    "UnableToPrint",
    "build_form",
    "export_form",
    "find_event",
    "print_pdf",
    "write_xlsx",
]
