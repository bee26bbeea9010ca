"""`manage.py verify_integrity`: do the stored data agree with each other?"""

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.databases import OWNER_ALIAS
from config.operations.integrity import find_problems
from config.operations.repair import Attempt, Outcome, Repairs, repair_problems


class Command(BaseCommand):
    help = _("Look for data that do not agree with each other, with the rules or with the receipt files.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fix",
            action="store_true",
            help=_("Say what has one right answer, and how it would be repaired."),
        )
        parser.add_argument(
            "--apply", action="store_true", help=_("With --fix: repair it, then check again.")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, fix: bool, apply: bool, as_json: bool, **options: Any) -> None:
        if apply and not fix:
            raise CommandError(
                _("--apply needs --fix: manage.py verify_integrity --fix --apply"), returncode=2
            )
        repairs = repair_problems(apply=apply, schema_alias=OWNER_ALIAS) if fix else None
        problems = list(find_problems()) if repairs is None else repairs.remaining
        if as_json:
            self.stdout.write(_as_json(problems, repairs))
        elif options["verbosity"]:
            if repairs is not None:
                self._print_attempts(repairs)
            if repairs is None or apply:
                self._print(problems)
        if problems:
            sys.exit(1)

    def _print_attempts(self, repairs: Repairs) -> None:
        styles = {Outcome.REPAIRED: self.style.SUCCESS, Outcome.FAILED: self.style.ERROR}
        for attempt in repairs.attempts:
            style = styles.get(attempt.outcome, self.style.WARNING)
            problem = attempt.problem
            self.stdout.write(style(f"{_outcome(attempt)}: {problem.id} {_name(problem.obj)}"))
            for line in attempt.statements or (f"→ {problem.hint}",):
                self.stdout.write(f"  {line}")
            if attempt.reason:
                self.stdout.write(f"  {attempt.reason}")
        if any(attempt.outcome is Outcome.PLANNED for attempt in repairs.attempts):
            self.stdout.write(_("Nothing was changed. To repair: manage.py verify_integrity --fix --apply"))
        elif not repairs.attempts:
            self.stdout.write(self.style.SUCCESS(_("No problems found.")))

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


def _outcome(attempt: Attempt) -> str:
    sentences = {
        Outcome.PLANNED: _("would be repaired"),
        Outcome.REPAIRED: _("repaired"),
        Outcome.FAILED: _("not repaired, needs a person"),
        Outcome.NEEDS_A_PERSON: _("needs a person"),
    }
    return sentences[attempt.outcome]


def _name(subject: Any) -> str:
    if isinstance(subject, Model):
        return f"{subject._meta.verbose_name} “{subject}” ({subject.pk})"
    return str(subject)


def _as_json(problems: Sequence[CheckMessage], repairs: Repairs | None) -> str:
    answer: dict[str, Any] = {"count": len(problems), "problems": [_facts(problem) for problem in problems]}
    if repairs is not None:
        answer["repairs"] = [
            {
                "id": attempt.problem.id,
                "object": _name(attempt.problem.obj),
                "outcome": attempt.outcome,
                "statements": attempt.statements,
                "reason": attempt.reason,
            }
            for attempt in repairs.attempts
        ]
    return json.dumps(answer, ensure_ascii=False)


def _facts(problem: CheckMessage) -> dict[str, Any]:
    return {
        "id": problem.id,
        "level": logging.getLevelName(problem.level).lower(),
        "object": _name(problem.obj),
        "message": problem.msg,
        "hint": problem.hint,
    }
