"""`manage.py diagnose`: the emergency bundle, and the answers for the first fifteen minutes."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.diagnosis import INTEGRITY_SECONDS, Diagnosis, UnableToWrite, diagnose
from config.operations.long_work import long_work


class Command(BaseCommand):
    help = _("Collect what is known of a system in trouble into one folder, and answer the first questions.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output",
            type=Path,
            default=settings.LOCAL_DIR / "diagnose",
            metavar="FOLDER",
            help=_("Where to put the folder (default: .local/diagnose)."),
        )
        parser.add_argument(
            "--integrity-seconds",
            type=float,
            default=INTEGRITY_SECONDS,
            metavar="SECONDS",
            help=_("How long to look for data that do not agree (default: %(default)s seconds)."),
        )
        parser.add_argument(
            "--archive", action="store_true", help=_("Pack the folder into one .tar.gz file.")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        try:
            with long_work(verbosity=options["verbosity"]) as progress:
                diagnosis = diagnose(
                    folder=options["output"].absolute(),
                    now=timezone.now(),
                    archive=options["archive"],
                    integrity_seconds=options["integrity_seconds"],
                    progress=progress,
                )
        except UnableToWrite as error:
            self._print(error.diagnosis, as_json, options["verbosity"])
            sentence = _(
                "The folder cannot be written: %(reason)s\n→ Elsewhere: manage.py diagnose --output FOLDER"
            )
            raise CommandError(sentence % {"reason": error}, returncode=2) from error
        self._print(diagnosis, as_json, options["verbosity"])
        if diagnosis.is_down:
            sys.exit(1)

    def _print(self, diagnosis: Diagnosis, as_json: bool, verbosity: int) -> None:
        if as_json:
            self.stdout.write(json.dumps(_facts(diagnosis), ensure_ascii=False, default=str))
        elif verbosity:
            self.stdout.write(diagnosis.page)
            if diagnosis.path is not None:
                self.stdout.write(_("Collected in %(path)s") % {"path": diagnosis.path})
        if diagnosis.unwritten:
            sentence = _("There was no room for: %(files)s")
            self.stderr.write(self.style.WARNING(sentence % {"files": ", ".join(diagnosis.unwritten)}))


def _facts(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "healthy": not diagnosis.is_down,
        "path": diagnosis.path,
        "answers": [asdict(answer) for answer in diagnosis.answers],
        "parts": {part.file_name: part.failure for part in diagnosis.parts},
        "unwritten": diagnosis.unwritten,
    }
