"""`manage.py prune_backups`: delete the backups that need not be kept."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.confirmation import is_typed
from config.operations.maintenance import MaintenanceRunning
from config.operations.offsite_pruning import plan_pruning_of_copies, prune_copies
from config.operations.offsite_storage import OffsiteFailed, configured_offsite
from config.operations.pruning import Pruning, plan_pruning, prune_backups
from config.operations.retention import Decision, Policy, UnableToPrune
from config.operations.termination import orderly_termination

_PERIODS = ("days", "weeks", "months", "years")


class Command(BaseCommand):
    help = _("Show which backups need not be kept and why; with --apply, delete them.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help=_("Delete them, after a question."))
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="interactive",
            help=_("With --apply: do not ask for the name of the database."),
        )
        parser.add_argument("--offsite", action="store_true", help=_("Those of the off-site storage."))
        for period in _PERIODS:
            parser.add_argument(
                f"--{period}",
                type=int,
                default=settings.BACKUP_KEEP[period],
                metavar="N",
                help=_("Keep one of each of the last N such periods (default: %(default)s)."),
            )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, apply: bool, as_json: bool, **options: Any) -> None:
        policy = Policy(**{period: options[period] for period in _PERIODS})
        try:
            plan = self._plan(policy, **options)
            if options["verbosity"] and not as_json:
                self._show(plan)
            if apply and plan.deletes and options["interactive"]:
                self._ask(plan)
            if apply:
                with orderly_termination():
                    plan = self._prune(policy, plan, **options)
        except (UnableToPrune, MaintenanceRunning, OffsiteFailed, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        if as_json:
            self.stdout.write(json.dumps(_facts(plan, applied=apply), ensure_ascii=False))
        elif options["verbosity"]:
            self.stdout.write(_sentence(plan, applied=apply, is_offsite=options["offsite"]))

    def _plan(self, policy: Policy, *, offsite: bool, **options: Any) -> Pruning:
        if offsite:
            return plan_pruning_of_copies(offsite=configured_offsite(), now=timezone.now(), policy=policy)
        return plan_pruning(folder=Path(settings.BACKUP_DIR), now=timezone.now(), policy=policy)

    def _prune(self, policy: Policy, plan: Pruning, *, offsite: bool, **options: Any) -> Pruning:
        folder, now, only = Path(settings.BACKUP_DIR), timezone.now(), plan.deletes
        if offsite:
            return prune_copies(
                offsite=configured_offsite(), folder=folder, now=now, policy=policy, only=only
            )
        return prune_backups(folder=folder, now=now, policy=policy, only=only)

    def _show(self, plan: Pruning) -> None:
        for decision in plan.decisions:
            style = self.style.SUCCESS if decision.keeps else self.style.WARNING
            self.stdout.write(style(_line(decision)))
        if plan.unreadable:
            sentence = _("No uploaded file is deleted, because these do not say which they hold: %(names)s")
            self.stderr.write(self.style.WARNING(sentence % {"names": ", ".join(plan.unreadable)}))

    def _ask(self, plan: Pruning) -> None:
        name = str(connection.settings_dict["NAME"])
        question = _("Type the name of the database (%(database)s) to delete %(count)d backups: ")
        question %= {"database": name, "count": len(plan.deletes)}
        if not is_typed(name=name, question=question, output=self.stderr):
            raise CommandError(_("Nothing was deleted."), returncode=1)


def _line(decision: Decision) -> str:
    sentence = _("keep    %(name)s: %(why)s") if decision.keeps else _("delete  %(name)s: %(why)s")
    return sentence % {"name": decision.backup.name, "why": decision.reason.label}


def _sentence(plan: Pruning, *, applied: bool, is_offsite: bool) -> str:
    facts = {
        "count": len(plan.deletes),
        "files": plan.files,
        "size": filesizeformat(plan.file_bytes),
        "place": plan.place,
        "command": f"manage.py prune_backups {'--offsite ' if is_offsite else ''}--apply",
    }
    if applied:
        return _("%(place)s: deleted %(count)d backups and %(files)d uploaded files (%(size)s).") % facts
    sentence = _(
        "%(place)s: would delete %(count)d backups and %(files)d uploaded files (%(size)s). "
        "→ To delete them: %(command)s"
    )
    return sentence % facts


def _facts(plan: Pruning, *, applied: bool) -> dict[str, Any]:
    return {
        "place": plan.place,
        "applied": applied,
        "backups": [
            {"name": each.backup.name, "keep": each.keeps, "why": each.reason.value}
            for each in plan.decisions
        ],
        "deletes": plan.deletes,
        "files": plan.files,
        "file_bytes": plan.file_bytes,
        "unreadable": plan.unreadable,
    }
