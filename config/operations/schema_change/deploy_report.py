"""What a deploy did, for a terminal and for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.health import Status
from config.operations.models import Direction
from config.operations.schema_change.deploys import Conclusion
from config.operations.schema_change.execution import MigrationOutcome
from config.operations.schema_change.preview import MigrationPreview, Preview
from config.operations.schema_change.safe_migration import SafeMigration


def describe_migration(*, migration: SafeMigration) -> Iterator[str]:
    if migration.outcomes:
        yield from describe_outcomes(outcomes=migration.outcomes, preview=migration.preview)
    else:
        yield _("Nothing was pending.")
    if migration.backup:
        yield _("Backup before: %(name)s") % {"name": migration.backup}
    yield from describe_conclusion(conclusion=migration.conclusion)


def describe_outcomes(
    *, outcomes: Sequence[MigrationOutcome], preview: Preview | None = None
) -> Iterator[str]:
    previews = {each.name: each for each in preview.migrations} if preview else {}
    for outcome in outcomes:
        yield _describe_outcome(outcome, previews.get(outcome.name))


def describe_conclusion(*, conclusion: Conclusion) -> Iterator[str]:
    tables = ngettext("%(count)d table", "%(count)d tables", conclusion.tables) % {"count": conclusion.tables}
    pending = ", ".join(conclusion.pending) or _("none")
    yield _("Now: %(tables)s, pending migrations: %(pending)s") % {"tables": tables, "pending": pending}
    for problem in conclusion.problems:
        yield f"✗ {problem.id} {problem.msg}\n  → {problem.hint}"
    if not conclusion.problems:
        yield _("The data agree with each other.")
    if conclusion.health is not Status.PASS:
        yield _("Health: %(status)s → manage.py health") % {"status": conclusion.health.value}


def migration_facts(*, migration: SafeMigration) -> dict[str, Any]:
    return {
        "plan": migration.preview.plan,
        "backup": migration.backup,
        "migrations": [outcome_facts(outcome=outcome) for outcome in migration.outcomes],
        **conclusion_facts(conclusion=migration.conclusion),
        "seconds": migration.seconds,
    }


def conclusion_facts(*, conclusion: Conclusion) -> dict[str, Any]:
    return {
        "tables": conclusion.tables,
        "pending": list(conclusion.pending),
        "problems": [{"id": problem.id, "message": problem.msg} for problem in conclusion.problems],
        "health": conclusion.health.value,
    }


def outcome_facts(*, outcome: MigrationOutcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "direction": outcome.direction.value,
        "way": outcome.way.value,
        "seconds": outcome.seconds,
        "attempts": outcome.attempts,
        "waited_seconds": outcome.waited_seconds,
    }


def _describe_outcome(outcome: MigrationOutcome, preview: MigrationPreview | None) -> str:
    verbs = {Direction.APPLY: _("applied"), Direction.REVERT: _("taken back")}
    words = [
        _("%(migration)s %(verb)s in %(seconds).2f s")
        % {"migration": outcome.name, "verb": verbs[outcome.direction], "seconds": outcome.seconds}
    ]
    if preview is not None and preview.expected is not None:
        words.append(_("expected %(seconds).2f s") % {"seconds": preview.expected.seconds})
    if outcome.attempts > 1:
        attempts = ngettext("%(count)d attempt", "%(count)d attempts", outcome.attempts)
        words.append(attempts % {"count": outcome.attempts})
    if outcome.waited_seconds:
        words.append(_("%(seconds).2f s waited for others") % {"seconds": outcome.waited_seconds})
    if outcome.seconds > settings.SLOW_MIGRATION_SECONDS:
        words.append(_("slow: longer than %(limit)d s") % {"limit": settings.SLOW_MIGRATION_SECONDS})
    return ", ".join(words)
