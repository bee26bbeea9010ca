"""`manage.py restore`: put a backup in the place of the live database, or take that back."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations import notifications
from config.operations.confirmation import NotConfirmed, is_typed, plain
from config.operations.encryption import UnusableIdentities
from config.operations.identity_option import add_identity_option, chosen_identities
from config.operations.long_work import long_work
from config.operations.neighbours import KeptDatabase
from config.operations.restore import RestorePlan, UnableToRestore, plan_restore, restore_backup
from config.operations.restore_report import (
    describe_kept,
    describe_plan,
    describe_restoration,
    describe_seconds,
    describe_undone,
    kept_facts,
    plan_facts,
    restoration_facts,
    undone_facts,
)
from config.operations.restore_undo import UnableToUndo, find_replaced, undo_restore
from config.operations.result import write_result


class Command(BaseCommand):
    help = _("Restore a backup beside the live database, prove it there, then exchange the two.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("name", nargs="?", help=_("A name from list_backups, or latest."))
        what.add_argument(
            "--undo", action="store_true", help=_("Bring the database back that the last restore replaced.")
        )
        parser.add_argument(
            "--without-safety-backup",
            action="store_true",
            help=_("Do not back up what is replaced, because it cannot be read; it is kept all the same."),
        )
        add_identity_option(parser)
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

    def handle(self, *args: Any, undo: bool, dry_run: bool, **options: Any) -> None:
        folder = Path(settings.BACKUP_DIR)
        try:
            if undo:
                self._undo(folder, dry_run=dry_run, **options)
            elif dry_run:
                identities = chosen_identities(options["identity"])
                plan = plan_restore(
                    folder=folder, name=options["name"], now=timezone.now(), identities=identities
                )
                self._report(plan_facts(plan=plan), describe_plan(plan=plan), **options)
            else:
                self._restore(folder, **options)
        except NotConfirmed as error:
            raise CommandError(str(error), returncode=1) from error
        except (UnableToRestore, UnableToUndo, UnusableIdentities) as error:
            sentence = _("Nothing was changed. %(reason)s") % {"reason": error}
            if not dry_run:
                _tell(sentence, level=notifications.Level.ERROR)
            raise CommandError(sentence, returncode=2) from error

    def _restore(self, folder: Path, *, name: str, without_safety_backup: bool, **options: Any) -> None:
        with long_work(verbosity=options["verbosity"]) as progress:
            restoration = restore_backup(
                folder=folder,
                name=name,
                now=timezone.now(),
                progress=progress,
                identities=chosen_identities(options["identity"]),
                confirm=self._confirm_plan if options["interactive"] else lambda plan: True,
                saves_first=not without_safety_backup,
            )
        lines = tuple(describe_restoration(restoration=restoration))
        _tell("\n".join(lines), level=notifications.Level.WARNING)
        seconds = describe_seconds(seconds=restoration.seconds)
        self._report(restoration_facts(restoration=restoration), (*lines, *seconds), **options)

    def _undo(self, folder: Path, *, dry_run: bool, **options: Any) -> None:
        if dry_run:
            kept = find_replaced()
            self._report(kept_facts(kept=kept), [describe_kept(kept=kept, database=_database())], **options)
            return
        with long_work(verbosity=options["verbosity"]) as progress:
            undone = undo_restore(
                folder=folder,
                now=timezone.now(),
                progress=progress,
                confirm=self._confirm_kept if options["interactive"] else lambda kept: True,
                identities=chosen_identities(options["identity"]),
            )
        lines = tuple(describe_undone(undone=undone))
        _tell("\n".join(lines), level=notifications.Level.WARNING)
        self._report(undone_facts(undone=undone), lines, **options)

    def _confirm_plan(self, plan: RestorePlan) -> bool:
        return self._confirm(describe_plan(plan=plan))

    def _confirm_kept(self, kept: KeptDatabase) -> bool:
        return self._confirm([describe_kept(kept=kept, database=_database())])

    def _confirm(self, lines: Iterable[str]) -> bool:
        self.stderr.write("\n".join(lines), plain)
        question = _("Type the name of the database (%(database)s) to replace it: ") % {
            "database": _database()
        }
        return is_typed(name=_database(), question=question, output=self.stderr)

    def _report(
        self, facts: dict[str, Any], lines: Iterable[str], *, as_json: bool, verbosity: int, **options: Any
    ) -> None:
        write_result(command=self, facts=facts, lines=lines, as_json=as_json, verbosity=verbosity)


def _database() -> str:
    return str(connection.settings_dict["NAME"])


def _tell(sentence: str, *, level: notifications.Level) -> None:
    title = _("Restore of %(database)s") % {"database": _database()}
    notifications.notify(title=title, text=sentence, level=level)
