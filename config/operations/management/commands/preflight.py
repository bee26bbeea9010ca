"""`manage.py preflight`: is everything ready for a change of the schema?"""

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.long_work import long_work
from config.operations.schema_change.preflight.checklist import Answer, Preflight, run_preflight
from config.operations.schema_change.preflight.remarks import Outcome, Remark

_UNABLE = 2


class Command(BaseCommand):
    help = _("Go through the checklist before a deploy: environment, server, backup, history, live schema.")
    requires_system_checks = ()  # They are an item of the list.

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        with long_work(verbosity=options["verbosity"]) as progress:
            preflight = run_preflight(folder=Path(settings.BACKUP_DIR), now=timezone.now(), progress=progress)
        if as_json:
            self.stdout.write(_as_json(preflight))
        elif options["verbosity"]:
            self._print(preflight)
        if not preflight.is_reachable:
            sys.exit(_UNABLE)
        if not preflight.is_ready:
            sys.exit(1)

    def _print(self, preflight: Preflight) -> None:
        for answer in preflight.answers:
            self._print_answer(answer)
        if skipped := [answer for answer in preflight.answers if answer.outcome is Outcome.SKIPPED]:
            names = ", ".join(str(answer.item.title) for answer in skipped)
            sentence = _("Not asked, because they need the database: %(names)s")
            self.stdout.write("- " + sentence % {"names": names})
        facts = {"failures": preflight.count(Outcome.FAILED), "warnings": preflight.count(Outcome.WARNING)}
        if preflight.is_ready:
            self.stdout.write(self.style.SUCCESS(_("Ready. Warnings: %(warnings)d.") % facts))
        else:
            sentence = _("Not ready. Failed: %(failures)d, warnings: %(warnings)d.")
            self.stdout.write(self.style.ERROR(sentence % facts))

    def _print_answer(self, answer: Answer) -> None:
        fine = [remark.sentence for remark in answer.remarks if remark.outcome is Outcome.OK]
        if fine:
            self.stdout.write(self.style.SUCCESS(f"✓ {answer.item.title}: {' · '.join(fine)}"))
        for remark in answer.remarks:
            if remark.outcome in (Outcome.WARNING, Outcome.FAILED):
                self._print_problem(str(answer.item.title), remark)

    def _print_problem(self, title: str, remark: Remark) -> None:
        mark, style = (
            ("✗", self.style.ERROR) if remark.outcome is Outcome.FAILED else ("!", self.style.WARNING)
        )
        first, *more = remark.sentence.splitlines()
        self.stdout.write(style(f"{mark} {title}: {first}"))
        for line in (*more, *remark.details):
            self.stdout.write(f"    {line}")
        remedy, *rest = remark.remedy.splitlines() or [""]
        self.stdout.write("\n".join([f"  → {remedy}", *(f"    {line}" for line in rest)]))


def _as_json(preflight: Preflight) -> str:
    answer = {
        "ready": preflight.is_ready,
        "reachable": preflight.is_reachable,
        "items": [
            {
                "name": each.item.name,
                "id": f"operations.{each.item.number}",
                "outcome": each.outcome,
                "remarks": [
                    {
                        "outcome": remark.outcome,
                        "sentence": remark.sentence,
                        "remedy": remark.remedy,
                        "details": remark.details,
                    }
                    for remark in each.remarks
                ],
            }
            for each in preflight.answers
        ],
    }
    return json.dumps(answer, ensure_ascii=False)
