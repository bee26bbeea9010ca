"""Whether all that is to be migrated has been written, and may run."""

from typing import Any

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils.translation import gettext as _
from django.utils.translation import override

from config.migration_operations import unfinished
from config.operations.schema_change.lint.findings import Finding, Severity
from config.operations.schema_change.lint.linter import lint_selection
from config.operations.schema_change.lint.selection import select_pending
from config.operations.schema_change.lint.squawk import SquawkFailed
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Remark,
    Remarks,
    failed,
    failed_where_strict,
    fine,
    warning,
)

_UNFINISHED = "SELECT step, started_at, updated_at FROM unfinished_steps ORDER BY started_at, step"


def check_models(circumstances: Circumstances) -> Remarks:
    """Ask what makemigrations asks, without a database."""
    changes = _changes_of_models()
    for app, operations in sorted(changes.items()):
        yield failed(
            _("The models of %(app)s have changes without a migration: %(changes)s")
            % {"app": app, "changes": "; ".join(operations)},
            _("Write it: manage.py makemigrations %(app)s -n NAME") % {"app": app},
        )
    if not changes:
        yield fine(_("say the same as the migrations"))


def _changes_of_models() -> dict[str, list[str]]:
    """Return app → operations, in English, because the names in the migrations are."""
    with override(None):
        loader = MigrationLoader(None, ignore_no_migrations=True)
        detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
        changes = detector.changes(graph=loader.graph)
        return {
            app: [each.describe() for migration in migrations for each in migration.operations]
            for app, migrations in changes.items()
        }


def check_unfinished(circumstances: Circumstances) -> Remarks:
    """No failure, because going on is what puts it right."""
    steps = unfinished_steps(circumstances)
    for step, started_at, updated_at in steps:
        facts = {
            "step": step,
            "start": started_at.isoformat(timespec="seconds"),
            "latest": updated_at.isoformat(timespec="seconds"),
        }
        yield warning(
            _("%(step)s was begun at %(start)s and is not finished; it last got on at %(latest)s.") % facts,
            _("If nobody is at it, continue: manage.py migrate_safely"),
        )
    if not steps:
        yield fine(_("no migration was interrupted"))


def unfinished_steps(circumstances: Circumstances) -> list[tuple[Any, ...]]:
    """Return step, when it began, when it last got on; nothing before there is a table for it."""
    can_remember = unfinished.can_remember(connection=circumstances.connection)
    return circumstances.rows(_UNFINISHED) if can_remember else []


def check_lint(circumstances: Circumstances) -> Remarks:
    """Ask the linter about the pending migrations; what their files accept is accepted here, too."""
    try:
        selection = select_pending(connection=circumstances.connection)
        findings = lint_selection(selection=selection)
    except SquawkFailed as error:
        yield failed_where_strict(
            circumstances, str(error), _("Mend the cause, then repeat: manage.py lint_migrations")
        )
        return
    remarks = [_of_finding(each) for each in findings if each.accepted is None]
    yield from remarks
    if not remarks:
        yield fine(
            _("nothing against the %(count)d pending migrations") % {"count": len(selection.only or ())}
        )


def _of_finding(finding: Finding) -> Remark:
    judge = failed if finding.severity is Severity.ERROR else warning
    sentence = f"{finding.migration}: {finding.rule} {finding.table}".rstrip()
    return judge(f"{sentence}. {finding.why}", finding.safe_form)
