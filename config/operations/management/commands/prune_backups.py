"""`manage.py prune_backups`: delete the backups that need not be kept."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.confirmation import is_typed
from config.operations.expired_databases import (
    ExpiredDatabases,
    drop_expired_databases,
    find_expired_databases,
)
from config.operations.long_work import long_work
from config.operations.maintenance import MaintenanceRunning
from config.operations.offsite_pruning import plan_pruning_of_copies, prune_copies
from config.operations.offsite_storage import OffsiteFailed, configured_offsite
from config.operations.pruning import Pruning, plan_pruning, prune_backups
from config.operations.pruning_report import (
    describe_decision,
    describe_expired,
    describe_loss,
    describe_problems,
    describe_pruning,
    pruning_facts,
)
from config.operations.retention import Policy, UnableToPrune

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
            plan, expired = self._plan(policy, **options)
            if options["verbosity"] and not as_json:
                self._show(plan, expired)
            if apply and (plan.deletes or expired.databases) and options["interactive"]:
                self._ask(plan, expired)
            if apply:
                plan, expired = self._prune(policy, plan, expired, **options)
        except (UnableToPrune, MaintenanceRunning, OffsiteFailed, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        for sentence in describe_problems(plan=plan, expired=expired):
            self.stderr.write(self.style.WARNING(sentence))
        if as_json:
            facts = pruning_facts(plan=plan, expired=expired, applied=apply)
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        elif options["verbosity"]:
            lines = describe_pruning(plan=plan, expired=expired, applied=apply, is_offsite=options["offsite"])
            self.stdout.write("\n".join(lines))

    def _plan(self, policy: Policy, *, offsite: bool, **options: Any) -> tuple[Pruning, ExpiredDatabases]:
        now = timezone.now()
        if offsite:
            plan = plan_pruning_of_copies(offsite=configured_offsite(), now=now, policy=policy)
            return plan, ExpiredDatabases()
        plan = plan_pruning(folder=Path(settings.BACKUP_DIR), now=now, policy=policy)
        return plan, find_expired_databases(now=now)

    def _prune(
        self, policy: Policy, plan: Pruning, expired: ExpiredDatabases, *, offsite: bool, **options: Any
    ) -> tuple[Pruning, ExpiredDatabases]:
        folder, now, only = Path(settings.BACKUP_DIR), timezone.now(), plan.deletes
        with long_work(verbosity=options["verbosity"]) as progress:
            if offsite:
                there = configured_offsite()
                plan = prune_copies(
                    offsite=there, folder=folder, now=now, policy=policy, only=only, progress=progress
                )
                return plan, expired
            plan = prune_backups(folder=folder, now=now, policy=policy, only=only, progress=progress)
            if expired.databases:
                names = [each.name for each in expired.databases]
                expired = drop_expired_databases(folder=folder, now=now, only=names, progress=progress)
        return plan, expired

    def _show(self, plan: Pruning, expired: ExpiredDatabases) -> None:
        for decision in plan.decisions:
            style = self.style.SUCCESS if decision.keeps else self.style.WARNING
            self.stdout.write(style(describe_decision(decision=decision)))
        for kept in expired.databases:
            self.stdout.write(self.style.WARNING(describe_expired(kept=kept)))

    def _ask(self, plan: Pruning, expired: ExpiredDatabases) -> None:
        name = str(connection.settings_dict["NAME"])
        question = _("Type the name of the database (%(database)s) to delete %(what)s: ")
        question %= {"database": name, "what": describe_loss(plan=plan, expired=expired)}
        if not is_typed(name=name, question=question, output=self.stderr):
            raise CommandError(_("Nothing was deleted."), returncode=1)
