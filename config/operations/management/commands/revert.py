"""`manage.py revert`: take migrations back, over all apps, and keep what they drop."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils import timezone
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.operations import notifications
from config.operations.confirmation import NotConfirmed, is_typed, plain
from config.operations.long_work import long_work
from config.operations.progress import SILENT, Progress
from config.operations.result import write_result
from config.operations.schema_change.approval import Approval
from config.operations.schema_change.deploys import DeployOrder, MigrationStopped, UnableToMigrate
from config.operations.schema_change.execution import PATIENCE_SECONDS
from config.operations.schema_change.revert_report import (
    checkpoint_facts,
    describe_checkpoint,
    describe_preview,
    describe_revert,
    preview_facts,
    revert_facts,
)
from config.operations.schema_change.reverting import Revert, RevertPreview, prepare_revert, revert
from config.operations.schema_change.way_back import NoWayBack, WayBack, list_checkpoints

_ANY = ""


class Command(BaseCommand):
    help = _("Take the newest migrations back, over all apps; what they drop goes to the attic.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        how_far = parser.add_mutually_exclusive_group()
        how_far.add_argument(
            "--steps", type=_positive, default=1, help=_("How many migrations (default: %(default)s).")
        )
        how_far.add_argument(
            "--to", default="", metavar="APP.NAME", help=_("Everything after this migration.")
        )
        how_far.add_argument(
            "--to-deploy",
            nargs="?",
            const=_ANY,
            metavar="ID",
            help=_("Everything since this deploy began: its number, or latest. Without one, list them."),
        )
        parser.add_argument(
            "--patience",
            type=float,
            default=PATIENCE_SECONDS,
            help=_("Seconds to wait for others before giving up (default: %(default)s)."),
        )
        parser.add_argument("--approved-by", default="", help=_("Who approved it; needed in production."))
        parser.add_argument(
            "--without-backup", action="store_true", help=_("Do not back up first; never in production.")
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=_("Say what would change, and change nothing.")
        )
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="interactive",
            help=_("Do not ask for the name of the database."),
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        try:
            if options["to_deploy"] == _ANY:
                self._list(**options)
            elif dry_run:
                preview = prepare_revert(order=_order(options, SILENT), way_back=_way_back(options))
                lines = list(describe_preview(preview=preview)) or [_("There is nothing to take back.")]
                self._report(preview_facts(preview=preview), lines, **options)
            else:
                self._revert(**options)
        except NotConfirmed as error:
            raise CommandError(str(error), returncode=1) from error
        except UnableToMigrate as error:
            sentence = _("Nothing was changed. %(reason)s") % {"reason": error}
            if not dry_run:
                _tell(sentence, level=notifications.Level.ERROR)
            raise CommandError(sentence, returncode=2) from error
        except MigrationStopped as error:
            _tell(str(error), level=notifications.Level.ERROR)
            raise CommandError(str(error), returncode=1) from error

    def _list(self, **options: Any) -> None:
        try:
            checkpoints = list_checkpoints(connection=cast("DatabaseWrapper", connections[OWNER_ALIAS]))
        except NoWayBack as error:
            raise CommandError(str(error), returncode=2) from error
        facts = {"deploys": [checkpoint_facts(checkpoint=each) for each in checkpoints]}
        lines = [describe_checkpoint(checkpoint=each) for each in checkpoints]
        self._report(facts, lines or [_("No deploy is recorded.")], **options)

    def _revert(self, **options: Any) -> None:
        with long_work(verbosity=options["verbosity"]) as progress:
            done = revert(
                order=_order(options, progress),
                way_back=_way_back(options),
                confirm=self._confirm if options["interactive"] else lambda preview: True,
            )
        if done is None:
            self._report({"migrations": []}, [_("There is nothing to take back.")], **options)
            return
        lines = tuple(describe_revert(revert=done))
        _tell("\n".join(lines), level=_level(done))
        self._report(revert_facts(revert=done), lines, **options)
        if not done.is_healthy:
            sentence = _("The migrations are taken back, but not all is well.\n→ manage.py health")
            raise CommandError(sentence, returncode=1)

    def _confirm(self, preview: RevertPreview) -> bool:
        self.stderr.write("\n".join(describe_preview(preview=preview)), plain)
        question = _("Type the name of the database (%(database)s) to take this back: ") % {
            "database": _database()
        }
        return is_typed(name=_database(), question=question, output=self.stderr)

    def _report(
        self, facts: dict[str, Any], lines: Iterable[str], *, as_json: bool, verbosity: int, **options: Any
    ) -> None:
        write_result(command=self, facts=facts, lines=lines, as_json=as_json, verbosity=verbosity)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _way_back(options: dict[str, Any]) -> WayBack:
    return WayBack(steps=options["steps"], to=options["to"], deploy=options["to_deploy"] or "")


def _order(options: dict[str, Any], progress: Progress) -> DeployOrder:
    return DeployOrder(
        folder=Path(settings.BACKUP_DIR),
        now=timezone.now(),
        approval=Approval(approver=options["approved_by"]),
        patience_seconds=options["patience"],
        saves_first=not options["without_backup"],
        progress=progress,
    )


def _database() -> str:
    return str(connections[OWNER_ALIAS].settings_dict["NAME"])


def _level(done: Revert) -> notifications.Level:
    return notifications.Level.WARNING if done.is_healthy else notifications.Level.ERROR


def _tell(sentence: str, *, level: notifications.Level) -> None:
    title = _("Revert of %(database)s") % {"database": _database()}
    notifications.notify(title=title, text=sentence, level=level)
