"""`manage.py export_form`: one of the four official forms, as a file."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from budget.forms import (
    ExportedForm,
    FileFormat,
    FormKind,
    NoReceiptsInForm,
    NoSuchEvent,
    NothingToPrint,
    UnableToPrint,
    export_form,
    find_event,
)


class Command(BaseCommand):
    help = _("Print one of the four official forms of an event, as PDF or as a spreadsheet.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event", help=_("The name or the key of the event."))
        parser.add_argument(
            "--form", required=True, choices=[kind.value for kind in FormKind], help=_("Which form.")
        )
        parser.add_argument(
            "--format",
            default=FileFormat.PDF.value,
            choices=[file_format.value for file_format in FileFormat],
            help=_("pdf (default) or xlsx."),
        )
        parser.add_argument(
            "--output", type=Path, required=True, help=_("The file to write; one that is there is replaced.")
        )
        parser.add_argument(
            "--with-receipts",
            action="store_true",
            help=_("Print the pictures of the receipts behind the detail of the spending."),
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, event: str, form: str, output: Path, as_json: bool, **options: Any) -> None:
        try:
            exported = export_form(
                event=find_event(text=event),
                kind=FormKind(form),
                file_format=FileFormat(options["format"]),
                now=timezone.now(),
                with_receipts=options["with_receipts"],
            )
            output.write_bytes(exported.content)
        except (NoReceiptsInForm, NoSuchEvent, NothingToPrint, UnableToPrint) as error:
            raise CommandError(str(error), returncode=2) from error
        except OSError as error:
            message = _("The file cannot be written: %(reason)s\n→ Choose another one with --output.")
            raise CommandError(message % {"reason": error}, returncode=2) from error
        if as_json:
            self.stdout.write(_as_json(exported, output))
        elif options["verbosity"]:
            self.stdout.write(self.style.SUCCESS(_sentence(exported, output)))


def _sentence(exported: ExportedForm, output: Path) -> str:
    sentence = _("Wrote %(file)s as a draft.") if exported.is_draft else _("Wrote %(file)s.")
    return sentence % {"file": output}


def _as_json(exported: ExportedForm, output: Path) -> str:
    facts = {
        "file": str(output),
        "form": exported.kind,
        "format": exported.file_format,
        "is_draft": exported.is_draft,
        "bytes": len(exported.content),
        "sha256": exported.sha256,
    }
    return json.dumps(facts, ensure_ascii=False)
