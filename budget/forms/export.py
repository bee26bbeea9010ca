"""Prints a form of an event into the bytes of a file."""

import datetime
import hashlib
import uuid
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from budget.forms.kinds import FormKind, build_form
from budget.forms.pdf import print_pdf
from budget.forms.xlsx import write_xlsx
from budget.models import Event


class FileFormat(StrEnum):
    PDF = "pdf"
    XLSX = "xlsx"


class NoSuchEvent(Exception):
    """No event, or more than one, goes by what was typed."""


class NoReceiptsInForm(Exception):
    """Receipts were asked for with a form, or in a format, that does not have them."""


@dataclass(frozen=True, kw_only=True)
class ExportedForm:
    kind: FormKind
    file_format: FileFormat
    status: str
    is_draft: bool
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def find_event(*, text: str) -> Event:
    """Find an event by its key or its whole name. Raises NoSuchEvent."""
    try:
        found = list(Event.objects.filter(pk=uuid.UUID(text)))
    except ValueError:
        found = list(Event.objects.filter(name=text).order_by("start_date"))
    if len(found) == 1:
        return found[0]
    if not found:
        message = _("No event has the name or the key %(text)s.\n→ Look for it in the list of events.")
        raise NoSuchEvent(message % {"text": text})
    candidates = "\n".join(f"{event.pk}  {event.start_date}  {event.organization}" for event in found)
    message = _("More than one event has the name %(text)s.\n→ Give the key of one instead:\n%(candidates)s")
    raise NoSuchEvent(message % {"text": text, "candidates": candidates})


def export_form(
    *,
    event: Event,
    kind: FormKind,
    file_format: FileFormat,
    now: datetime.datetime,
    with_receipts: bool = False,
) -> ExportedForm:
    """Build the form and print it. Raises NothingToPrint, NoReceiptsInForm and UnableToPrint."""
    if with_receipts and (kind, file_format) != (FormKind.EXPENSE_DETAIL, FileFormat.PDF):
        message = _("Receipts are printed behind one form only.\n→ Type: --form expense-detail --format pdf")
        raise NoReceiptsInForm(message)
    form = build_form(event=event, kind=kind, now=now, with_receipts=with_receipts)
    return ExportedForm(
        kind=kind,
        file_format=file_format,
        status=form.imprint.status,
        is_draft=form.imprint.is_draft,
        content=print_pdf(form=form) if file_format is FileFormat.PDF else write_xlsx(form=form),
    )
