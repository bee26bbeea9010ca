"""`manage.py seed`: what every environment needs and, with --demo, a year to look at."""

import json
import time
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.seed import SeedReport, UnableToSeed, seed

# Whoever waits no longer than this needs no progress.
_PATIENCE_SECONDS = 2


class Command(BaseCommand):
    help = _("Put in the four organizations and, with --demo, an invented year. Keeps what is there.")
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo",
            action="store_true",
            help=_("Invented people, events, budgets, settlements and receipts (development and test only)."),
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=_("Say what would be put in, and put in nothing.")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, demo: bool, dry_run: bool, as_json: bool, **options: Any) -> None:
        self._started = time.monotonic()
        try:
            report = seed(demo=demo, dry_run=dry_run, on_table=self._show_progress)
        except UnableToSeed as error:
            raise CommandError(str(error), returncode=2) from error
        if as_json:
            self.stdout.write(json.dumps({**asdict(report), "created": report.created}, ensure_ascii=False))
        elif options["verbosity"]:
            self._print(report)

    def _show_progress(self, table: str) -> None:
        if time.monotonic() - self._started > _PATIENCE_SECONDS:
            self.stderr.write(table)

    def _print(self, report: SeedReport) -> None:
        for count in report.counts:
            self.stdout.write(
                _("%(table)s %(created)6d new %(kept)6d kept")
                % {"table": f"{count.table:<22}", "created": count.created, "kept": count.kept}
            )
        self.stdout.write(self.style.SUCCESS(_summary(report)))
        if report.sign_in:
            self.stdout.write(
                _("Sign in to the admin site: %(email)s, password %(password)s (unless it was changed).")
                % asdict(report.sign_in)
            )


def _summary(report: SeedReport) -> str:
    if report.dry_run:
        message = ngettext(
            "Would put in %(count)d row or file.", "Would put in %(count)d rows and files.", report.created
        )
    else:
        message = ngettext(
            "Put in %(count)d row or file.", "Put in %(count)d rows and files.", report.created
        )
    return message % {"count": report.created}
