"""`manage.py verify_integrity`: do the stored data agree with each other?"""

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage
from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.integrity import find_problems


class Command(BaseCommand):
    help = _("Look for data that do not agree with each other, with the rules or with the receipt files.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        problems = list(find_problems())
        if as_json:
            self.stdout.write(_as_json(problems))
        elif options["verbosity"]:
            self._print(problems)
        if problems:
            sys.exit(1)

    def _print(self, problems: Sequence[CheckMessage]) -> None:
        for problem in problems:
            style = self.style.ERROR if problem.level >= logging.ERROR else self.style.WARNING
            self.stdout.write(style(f"{problem.id} {_name(problem.obj)}"))
            self.stdout.write(f"  {problem.msg}\n  → {problem.hint}")
        if problems:
            message = ngettext("%(count)d problem found.", "%(count)d problems found.", len(problems))
            self.stdout.write(self.style.ERROR(message % {"count": len(problems)}))
        else:
            self.stdout.write(self.style.SUCCESS(_("No problems found.")))


def _name(subject: Any) -> str:
    if isinstance(subject, Model):
        return f"{subject._meta.verbose_name} “{subject}” ({subject.pk})"
    return str(subject)


def _as_json(problems: Sequence[CheckMessage]) -> str:
    found = [
        {
            "id": problem.id,
            "level": logging.getLevelName(problem.level).lower(),
            "object": _name(problem.obj),
            "message": problem.msg,
            "hint": problem.hint,
        }
        for problem in problems
    ]
    return json.dumps({"count": len(found), "problems": found}, ensure_ascii=False)
