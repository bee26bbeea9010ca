"""`manage.py seed`: what every environment needs; --demo, a year to look at; --scale, millions of rows."""

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.progress import showing_progress
from config.operations.scale import ScaleReport, seed_scale
from config.operations.scale_rows import EVENTS_IN_BLOCK
from config.operations.seed import SeedReport, UnableToSeed, seed

# Whoever waits no longer than this needs no progress.
_PATIENCE_SECONDS = 2


class Command(BaseCommand):
    help = _("Put in the four organizations and, with --demo, an invented year. Keeps what is there.")
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument(
            "--demo",
            action="store_true",
            help=_("Invented people, events, budgets, settlements and receipts (development and test only)."),
        )
        kind.add_argument(
            "--scale",
            type=_positive,
            metavar="N",
            help=_("N thousand invented events with all their lines (development and test only)."),
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=_("Say what would be put in, and put in nothing.")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(
        self, *args: Any, demo: bool, scale: int | None, dry_run: bool, as_json: bool, **options: Any
    ) -> None:
        self._started = time.monotonic()
        try:
            if scale is not None:
                self._grow(scale, dry_run, as_json, options["verbosity"])
                return
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

    def _grow(self, thousands: int, dry_run: bool, as_json: bool, verbosity: int) -> None:
        with showing_progress(stream=sys.stderr, verbosity=verbosity) as progress:
            report = seed_scale(thousands=thousands, dry_run=dry_run, progress=progress)
        if as_json:
            facts = {**asdict(report), "rows": report.rows, "bytes": report.size}
            self.stdout.write(json.dumps(facts))
        elif verbosity:
            for table, rows in report.rows.items():
                self.stdout.write(f"{table:<22} {rows:>12,}")
            self.stdout.write(self.style.SUCCESS(_scale_summary(report)))

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


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _scale_summary(report: ScaleReport) -> str:
    if report.dry_run:
        message = _(
            "Would put in %(rows)d rows, which take %(size)s on disk at most; %(kept)d events are there."
        )
    else:
        message = _("Put in %(rows)d rows, which take %(size)s on disk at most; %(kept)d events were there.")
    return message % {
        "rows": sum(report.rows.values()),
        "size": filesizeformat(report.size),
        "kept": report.kept_blocks * EVENTS_IN_BLOCK,
    }


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
