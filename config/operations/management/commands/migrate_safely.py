"""`manage.py migrate_safely`: look at what is pending, back up, apply it under a guard, check, report."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations import notifications
from config.operations.long_work import long_work
from config.operations.progress import SILENT, Progress
from config.operations.result import write_result
from config.operations.schema_change.approval import Approval
from config.operations.schema_change.deploy_report import describe_migration, migration_facts
from config.operations.schema_change.deploys import DeployOrder, MigrationStopped, UnableToMigrate
from config.operations.schema_change.execution import PATIENCE_SECONDS
from config.operations.schema_change.lint.findings import open_errors
from config.operations.schema_change.preview import Preview
from config.operations.schema_change.preview_report import describe_preview, preview_facts, preview_markdown
from config.operations.schema_change.safe_migration import SafeMigration, look, migrate_safely, prepare


class Command(BaseCommand):
    help = _("Back up the database, then apply what is pending so that nobody has to wait for it.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check-only", action="store_true", help=_("Only show what would run: SQL, locks, objections.")
        )
        parser.add_argument(
            "--approved-by", default="", help=_("Who approved the plan; needed in production.")
        )
        parser.add_argument(
            "--plan", default="", help=_("The plan that was approved, as --check-only shows it.")
        )
        parser.add_argument(
            "--patience",
            type=float,
            default=PATIENCE_SECONDS,
            help=_("Seconds to wait for others before giving up (default: %(default)s)."),
        )
        parser.add_argument(
            "--without-backup", action="store_true", help=_("Do not back up first; never in production.")
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=_("Check all that has to be right, and change nothing.")
        )
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))
        form.add_argument(
            "--markdown", action="store_true", help=_("With --check-only: print it for a pull request.")
        )

    def handle(self, *args: Any, check_only: bool, dry_run: bool, markdown: bool, **options: Any) -> None:
        if markdown and not check_only:
            raise CommandError(
                _("--markdown needs --check-only: manage.py migrate_safely --check-only --markdown"),
                returncode=2,
            )
        try:
            if check_only:
                self._show(look(), markdown=markdown, **options)
            elif dry_run:
                self._say_what_would_happen(prepare(order=_order(options, SILENT)), **options)
            else:
                self._migrate(**options)
        except UnableToMigrate as error:
            sentence = _("Nothing was changed. %(reason)s") % {"reason": error}
            if not (check_only or dry_run):
                _tell(sentence, level=notifications.Level.ERROR)
            raise CommandError(sentence, returncode=2) from error
        except MigrationStopped as error:
            _tell(str(error), level=notifications.Level.ERROR)
            raise CommandError(str(error), returncode=1) from error

    def _show(self, preview: Preview, *, markdown: bool, **options: Any) -> None:
        if markdown:
            self.stdout.write(preview_markdown(preview=preview))
        else:
            self._report(preview_facts(preview=preview), describe_preview(preview=preview), **options)
        if errors := open_errors(preview.findings):
            names = ", ".join(sorted({f"{each.migration} ({each.rule})" for each in errors}))
            raise CommandError(_("The linter objects to %(names)s.") % {"names": names}, returncode=1)

    def _say_what_would_happen(self, preview: Preview, *, without_backup: bool, **options: Any) -> None:
        lines = [_("Would apply %(migration)s.") % {"migration": each.name} for each in preview.migrations]
        if lines and not without_backup:
            lines.insert(0, _("Would back up the database and prove the backup."))
        self._report(preview_facts(preview=preview), lines or [_("Nothing is pending.")], **options)

    def _migrate(self, **options: Any) -> None:
        with long_work(verbosity=options["verbosity"]) as progress:
            migration = migrate_safely(order=_order(options, progress))
        lines = tuple(describe_migration(migration=migration))
        _tell("\n".join(lines), level=_level(migration))
        self._report(migration_facts(migration=migration), lines, **options)
        if not migration.is_healthy:
            raise CommandError(
                _(
                    "The migrations are applied, but not all is well.\n"
                    "→ See what is wrong: manage.py verify_integrity, manage.py health\n"
                    "→ Take them back: manage.py revert --to-deploy latest"
                ),
                returncode=1,
            )

    def _report(
        self, facts: dict[str, Any], lines: Iterable[str], *, as_json: bool, verbosity: int, **options: Any
    ) -> None:
        write_result(command=self, facts=facts, lines=lines, as_json=as_json, verbosity=verbosity)


def _order(options: dict[str, Any], progress: Progress) -> DeployOrder:
    return DeployOrder(
        folder=Path(settings.BACKUP_DIR),
        now=timezone.now(),
        approval=Approval(approver=options["approved_by"], plan=options["plan"]),
        patience_seconds=options["patience"],
        saves_first=not options["without_backup"],
        progress=progress,
    )


def _level(migration: SafeMigration) -> notifications.Level:
    return notifications.Level.INFO if migration.is_healthy else notifications.Level.ERROR


def _tell(sentence: str, *, level: notifications.Level) -> None:
    title = _("Migration of %(database)s") % {"database": connection.settings_dict["NAME"]}
    notifications.notify(title=title, text=sentence, level=level)
