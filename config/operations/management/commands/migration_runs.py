"""`manage.py migration_runs`: which migrations ran here, by whom, how long, and what came of it."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections
from django.utils import timezone
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.operations.models import Direction, MigrationRun, Result, Way
from config.operations.schema_change.runs import read_runs


class Command(BaseCommand):
    help = _("Show which migrations ran here: when, by whom, how long, and what came of it.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--most", type=int, default=30, help=_("How many to show at most (default: %(default)s).")
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, most: int, as_json: bool, verbosity: int, **options: Any) -> None:
        runs = read_runs(connection=connections[OWNER_ALIAS], most=most)
        if as_json:
            self.stdout.write(json.dumps({"runs": [_facts(run) for run in runs]}, ensure_ascii=False))
        elif verbosity:
            for run in runs:
                self.stdout.write(_describe(run), self.style.ERROR if run.result == Result.FAILED else None)
            if not runs:
                self.stdout.write(_("No migration has been recorded yet."))


def _describe(run: MigrationRun) -> str:
    words = [
        f"{timezone.localtime(run.started_at):%Y-%m-%d %H:%M:%S}",
        f"{run.migration}: {Direction(run.direction).label}, {Result(run.result).label}",
        _("%(seconds).2f s") % {"seconds": run.seconds},
        str(Way(run.way).label),
        f"{run.operator}@{run.host}",
    ]
    if run.attempts > 1:
        words.append(_("%(seconds).2f s waited for others") % {"seconds": run.waited_seconds})
    if run.deploy and run.deploy.approved_by:
        words.append(_("approved by %(name)s") % {"name": run.deploy.approved_by})
    if run.error:
        words.append(run.error.splitlines()[0])
    return "  ".join(words)


def _facts(run: MigrationRun) -> dict[str, Any]:
    return {
        "migration": run.migration,
        "direction": run.direction,
        "result": run.result,
        "way": run.way,
        "from": run.previous,
        "to": run.reached,
        "started_at": run.started_at.isoformat(),
        "seconds": run.seconds,
        "attempts": run.attempts,
        "waited_seconds": run.waited_seconds,
        "operator": run.operator,
        "host": run.host,
        "error": run.error,
        "deploy": str(run.deploy_id) if run.deploy_id else None,
        "approved_by": run.deploy.approved_by if run.deploy else None,
        "release": run.deploy.release if run.deploy else None,
        "backup": run.deploy.backup if run.deploy else None,
    }
