"""`manage.py prune_attic`: show what migrations have dropped, and delete what need not be kept of it."""

import json
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.migration_operations.guard import PatienceEnded
from config.operations.confirmation import is_typed
from config.operations.schema_change.attic_pruning import Decision, plan_pruning, prune_attic
from config.operations.schema_change.deploys import UnableToMigrate, alone, explained
from config.operations.termination import orderly_termination


class Command(BaseCommand):
    help = _("Show what migrations have dropped and can still bring back; with --apply, delete what is old.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help=_("Delete it, after a question."))
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="interactive",
            help=_("With --apply: do not ask for the name of the database."),
        )
        parser.add_argument(
            "--days",
            type=int,
            default=settings.ATTIC_DAYS,
            metavar="N",
            help=_("Keep what was dropped in the N days before the newest backup (default: %(default)s)."),
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, apply: bool, as_json: bool, days: int, **options: Any) -> None:
        connection = cast("DatabaseWrapper", connections[OWNER_ALIAS])
        folder, now = Path(settings.BACKUP_DIR), timezone.now()
        decisions = plan_pruning(connection=connection, folder=folder, now=now, days=days)
        names = [each.entry.name for each in decisions if not each.keeps]
        if options["verbosity"] and not as_json:
            self._show(decisions)
        if apply and names and options["interactive"]:
            self._ask(connection, len(names))
        if apply and names:
            try:
                with orderly_termination(), explained(), alone(alias=OWNER_ALIAS):
                    decisions = plan_pruning(connection=connection, folder=folder, now=now, days=days)
                    prune_attic(connection=connection, decisions=decisions, only=names)
            except (UnableToMigrate, PatienceEnded) as error:
                raise CommandError(str(error), returncode=2) from error
        if as_json:
            self.stdout.write(json.dumps(_facts(decisions, applied=apply), ensure_ascii=False))
        elif options["verbosity"]:
            self.stdout.write(_sentence(len(names), applied=apply))

    def _show(self, decisions: tuple[Decision, ...]) -> None:
        for decision in decisions:
            style = self.style.SUCCESS if decision.keeps else self.style.WARNING
            self.stdout.write(style(_line(decision)))

    def _ask(self, connection: DatabaseWrapper, count: int) -> None:
        name = str(connection.settings_dict["NAME"])
        question = _("Type the name of the database (%(database)s) to delete %(count)d tables of the attic: ")
        question %= {"database": name, "count": count}
        if not is_typed(name=name, question=question, output=self.stderr):
            raise CommandError(_("Nothing was deleted."), returncode=1)


def _line(decision: Decision) -> str:
    entry = decision.entry
    sentence = (
        _("keep    %(name)s: %(what)s of %(migration)s, %(at)s, %(size)s: %(why)s")
        if decision.keeps
        else _("delete  %(name)s: %(what)s of %(migration)s, %(at)s, %(size)s: %(why)s")
    )
    return sentence % {
        "name": entry.name,
        "what": entry.place,
        "migration": entry.place.migration,
        "at": f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M}",
        "size": filesizeformat(entry.bytes),
        "why": decision.reason.label,
    }


def _sentence(count: int, *, applied: bool) -> str:
    if applied:
        return _("Deleted %(count)d tables of the attic.") % {"count": count}
    sentence = _(
        "Would delete %(count)d tables of the attic. → To delete them: manage.py prune_attic --apply"
    )
    return sentence % {"count": count}


def _facts(decisions: tuple[Decision, ...], *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "attic": [
            {
                "name": each.entry.name,
                "migration": each.entry.place.migration,
                "direction": each.entry.place.direction,
                "table": each.entry.place.table,
                "column": each.entry.place.column,
                "at": each.entry.at.isoformat(),
                "rows": each.entry.rows,
                "bytes": each.entry.bytes,
                "keep": each.keeps,
                "why": each.reason.value,
            }
            for each in decisions
        ],
    }
