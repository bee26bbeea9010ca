"""`manage.py lint_migrations`: what would go wrong if these migrations met a database in use?"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.operations.schema_change.lint.findings import Finding, Severity, open_errors
from config.operations.schema_change.lint.linter import lint_selection
from config.operations.schema_change.lint.selection import (
    Selection,
    UnknownMigration,
    require_known,
    select_all,
    select_named,
    select_pending,
)
from config.operations.schema_change.lint.squawk import SquawkFailed


class Command(BaseCommand):
    help = _(
        "Look for what is unsafe in the pending migrations, by the real sizes of the tables. Without a "
        "database: in all of ours, as if every table were large."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("app_label", nargs="?", help=_("Only the migrations of this app."))
        parser.add_argument(
            "name", nargs="?", help=_("Only this migration, also when it is applied already.")
        )
        parser.add_argument(
            "--all",
            action="store_true",
            dest="every",
            help=_("All migrations of ours, without a database, as if every table were large."),
        )
        parser.add_argument("--database", default=OWNER_ALIAS, help=_("Alias of the database."))
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(
        self, *args: Any, app_label: str | None, name: str | None, as_json: bool, **options: Any
    ) -> None:
        try:
            selection = self._select(app_label, name, options)
            findings = lint_selection(selection=selection)
        except (UnknownMigration, SquawkFailed) as error:
            raise CommandError(str(error), returncode=2) from error
        if as_json:
            self.stdout.write(_as_json(selection, findings))
        elif options["verbosity"]:
            self._print(selection, findings)
        if open_errors(findings):
            sys.exit(1)

    def _select(self, app_label: str | None, name: str | None, options: dict[str, Any]) -> Selection:
        if app_label is not None:
            require_known(app_label=app_label, name=name)
        selection = select_all() if options["every"] else self._select_pending(options["database"])
        if app_label is None:
            return selection
        narrowed = select_named(selection=selection, app_label=app_label, name=name)
        if name is not None and not narrowed.only:
            return select_named(selection=select_all(), app_label=app_label, name=name)
        return narrowed

    def _select_pending(self, alias: str) -> Selection:
        try:
            return select_pending(connection=cast("DatabaseWrapper", connections[alias]))
        except OperationalError:
            self.stderr.write(
                _("There is no database to ask for sizes: all migrations, as if every table were large.")
            )
            return select_all()

    def _print(self, selection: Selection, findings: Sequence[Finding]) -> None:
        migration = None
        for finding in findings:
            if finding.migration != migration:
                migration = finding.migration
                self.stdout.write(self.style.MIGRATE_HEADING(migration))
            self._print_finding(finding)
        errors, accepted = len(open_errors(findings)), len([each for each in findings if each.accepted])
        facts = {
            "migrations": len(selection.only or ()),
            "errors": errors,
            "warnings": len(findings) - errors - accepted,
            "accepted": accepted,
        }
        sentence = _(
            "Migrations: %(migrations)d. Errors: %(errors)d, warnings: %(warnings)d, accepted: %(accepted)d."
        )
        style = self.style.ERROR if errors else self.style.SUCCESS
        self.stdout.write(style(sentence % facts))

    def _print_finding(self, finding: Finding) -> None:
        if finding.accepted is not None:
            mark, style = "✓", self.style.SUCCESS
        elif finding.severity is Severity.ERROR:
            mark, style = "✗", self.style.ERROR
        else:
            mark, style = "!", self.style.WARNING
        place = "" if finding.operation is None else f" [{finding.operation + 1}]"
        self.stdout.write("  " + style(f"{mark} {finding.rule}{place} {finding.table}".rstrip()))
        if finding.accepted is not None:
            self.stdout.write("    " + _("Accepted: %(reason)s") % {"reason": finding.accepted})
            return
        self.stdout.write(f"    {finding.why}")
        first, *more = finding.safe_form.splitlines()
        self.stdout.write("\n".join([f"    → {first}", *(f"      {line}" for line in more)]))


def _as_json(selection: Selection, findings: Sequence[Finding]) -> str:
    answer = {
        "migrations": sorted(selection.only or ()),
        "sizes": "database" if selection.sizes is not None else "large",
        "errors": len(open_errors(findings)),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(answer, ensure_ascii=False)
