"""Runs a plan of migrations so that nobody has to wait for it, and so that it can be killed at any moment."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.log_files import MIGRATIONS_LOGGER
from config.migration_operations.blockers import Blocker
from config.migration_operations.guard import Patience, PatienceEnded, patience_of_migration
from config.migration_operations.surroundings import Surroundings, surrounded_by
from config.operations.models import Deploy, Direction, Result, Way
from config.operations.progress import SILENT, Progress
from config.operations.schema_change.companions import (
    Keeper,
    MigrationOutcome,
    Observer,
    OperationContext,
)
from config.operations.schema_change.failures import words_of
from config.operations.schema_change.interruptions import unfinished_migrations
from config.operations.schema_change.migration_runner import MigrationRunner
from config.operations.schema_change.planning import Plan
from config.operations.schema_change.runs import Exertion, finish_run, start_run
from config.operations.schema_change.units import name_of

__all__ = [
    "DumpRunning",
    "Keeper",
    "MigrationFailed",
    "MigrationOutcome",
    "Observer",
    "OperationContext",
    "PatienceEnded",
    "StoppedHalfway",
    "UnfinishedMigration",
    "run_plan",
]

PATIENCE_SECONDS = 60

logger = logging.getLogger(MIGRATIONS_LOGGER)

_DUMPS = """
    SELECT pid FROM pg_stat_activity
     WHERE application_name = 'pg_dump' AND datname = current_database()
"""
_VERBS = {Direction.APPLY: "applied", Direction.REVERT: "reverted"}
_COMMANDS = {Direction.APPLY: "manage.py migrate_safely", Direction.REVERT: "manage.py revert"}


class MigrationFailed(Exception):
    """A migration could not be finished; the message says what is left of it, the cause is chained."""

    def __init__(self, message: str, *, migration: str) -> None:
        super().__init__(message)
        self.migration = migration


class DumpRunning(Exception):
    """A dump is reading the database: whatever needs a lock would wait for its end."""


class StoppedHalfway(PatienceEnded):
    """The patience ended after something had been changed; the message says what, and how to go on."""


class UnfinishedMigration(Exception):
    """A migration that is no part of the plan is half done; the message names it, and the next command."""


def run_plan(
    *,
    connection: DatabaseWrapper,
    plan: Plan,
    patience_seconds: float = PATIENCE_SECONDS,
    progress: Progress = SILENT,
    deploy: Deploy | None = None,
    observer: Observer | None = None,
    keeper: Keeper | None = None,
) -> tuple[MigrationOutcome, ...]:
    """Apply or revert the migrations of `plan` in its order, with Django's signals before and after.

    The caller holds the advisory lock, and gives the application's role its privileges afterwards. Raises
    DumpRunning, UnfinishedMigration or PatienceEnded (of config.migration_operations.guard) before, and
    StoppedHalfway or MigrationFailed after the first change; run again, a plan goes on where it was
    interrupted.
    """
    _refuse_dump(connection)
    _refuse_other_work(connection, plan)
    executor = _GuardedExecutor(
        connection,
        plan=plan,
        patience_seconds=patience_seconds,
        progress=progress,
        deploy=deploy,
        observer=observer,
        keeper=keeper,
    )
    executor.run()
    return tuple(executor.outcomes)


def _refuse_dump(connection: DatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DUMPS)
        row = cursor.fetchone()
    if row:
        raise DumpRunning(
            _(
                "A dump is reading the database (process %(pid)d); migrating now would make others wait.\n"
                "→ Wait for its end: manage.py database_activity"
            )
            % {"pid": row[0]}
        )


def _refuse_other_work(connection: DatabaseWrapper, plan: Plan) -> None:
    planned = {(migration.name, migration.direction) for migration in plan.migrations}
    for name, direction in sorted(unfinished_migrations(connection=connection) - planned):
        sentence = (
            _("%(migration)s was interrupted while it was being applied.\n→ Finish it first: %(command)s")
            if direction == Direction.APPLY
            else _(
                "%(migration)s was interrupted while it was being reverted.\n→ Finish it first: %(command)s"
            )
        )
        raise UnfinishedMigration(sentence % {"migration": name, "command": _COMMANDS[direction]})


class _GuardedExecutor(MigrationExecutor):
    """Django's executor, which lets each migration be run by us: the states and the record stay Django's."""

    def __init__(
        self,
        connection: DatabaseWrapper,
        *,
        plan: Plan,
        patience_seconds: float,
        progress: Progress,
        deploy: Deploy | None,
        observer: Observer | None,
        keeper: Keeper | None,
    ) -> None:
        super().__init__(connection)
        self._database = connection
        self._planned = {migration.name: migration for migration in plan.migrations}
        self._patience_seconds = patience_seconds
        self._progress = progress
        self._deploy = deploy
        self._observer = observer
        self._keeper = keeper
        self._interrupted = unfinished_migrations(connection=connection)
        self.outcomes: list[MigrationOutcome] = []

    def run(self) -> None:
        nodes = {name_of(migration): migration for migration in self.loader.graph.nodes.values()}
        plan = [
            (nodes[planned.name], planned.direction == Direction.REVERT) for planned in self._planned.values()
        ]
        own: Any = self
        state = own._create_project_state(with_applied_migrations=True)
        alias = self._database.alias
        emit_pre_migrate_signal(0, False, alias, apps=state.apps, plan=plan)
        state = self.migrate([], plan=plan, state=state.clone())
        emit_post_migrate_signal(0, False, alias, apps=_with_real_models(state), plan=plan)

    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        own: Any = self
        self._run(migration, state, lambda: own.record_migration(migration))
        return migration.mutate_state(state, preserve=False)

    def unapply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False
    ) -> ProjectState:
        self._run(migration, state, lambda: self._record_reverted(migration))
        return state

    def _record_reverted(self, migration: Migration) -> None:
        for app_label, name in migration.replaces:
            self.recorder.record_unapplied(app_label, name)
        self.recorder.record_unapplied(migration.app_label, migration.name)

    def _run(self, migration: Migration, state: ProjectState, record: Callable[[], None]) -> None:
        planned = self._planned[name_of(migration)]
        is_unfinished = (planned.name, planned.direction) in self._interrupted
        runner = MigrationRunner(
            connection=self._database,
            planned=planned,
            migration=migration,
            way=Way.ONLINE if is_unfinished else planned.way,
            patience=Patience(seconds=self._patience_seconds, on_wait=self._tell),
            record=record,
            progress=self._progress,
            observer=self._observer,
            keeper=self._keeper,
        )
        try:
            outcome = _recorded(runner, state, self._deploy)
        except PatienceEnded as error:
            if not self.outcomes and runner.has_changed_nothing:
                raise
            message = _halfway(self.outcomes, runner, str(error))
            raise StoppedHalfway(message, blockers=error.blockers) from error
        self.outcomes.append(outcome)
        if self._observer is not None:
            self._observer.migration(outcome)

    def _tell(self, blockers: tuple[Blocker, ...]) -> None:
        if not blockers:
            self._progress.step(_("Waiting for a lock"))
            return
        oldest = blockers[0]
        self._progress.step(
            _("Waiting for process %(pid)d of %(user)s (%(application)s)")
            % {"pid": oldest.pid, "user": oldest.user, "application": oldest.application or "-"}
        )


def _with_real_models(state: ProjectState) -> Any:
    """Return the models after all migrations as `migrate` gives them to the receivers of post_migrate."""
    state.clear_delayed_apps_cache()
    rendered = state.apps
    with rendered.bulk_update():
        keys = [(model.app_label, model.name_lower) for model in rendered.real_models]
        for key in keys:
            rendered.unregister_model(*key)
    rendered.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in keys])
    return rendered


def _recorded(runner: MigrationRunner, state: ProjectState, deploy: Deploy | None) -> MigrationOutcome:
    """Run a migration, and write down what comes of it."""
    planned, connection = runner.planned, runner.connection
    run = start_run(
        connection=connection,
        migration=planned.name,
        direction=planned.direction,
        way=runner.way,
        deploy=deploy,
    )
    logger.info("%s is being %s", planned.name, _VERBS[planned.direction])
    started = time.monotonic()

    def cost() -> Exertion:
        patience = runner.patience
        seconds = time.monotonic() - started
        return Exertion(seconds=seconds, attempts=patience.attempts, waited_seconds=patience.waited_seconds)

    try:
        _run(runner, state)
    except BaseException as error:  # An interruption leaves a migration as unfinished as an error does.
        logger.exception("%s failed after %.2f s", planned.name, cost().seconds)
        cause = error.__cause__ if isinstance(error, MigrationFailed) else None
        words = words_of(cause or error, alias=connection.alias)
        finish_run(connection=connection, run=run, result=Result.FAILED, cost=cost(), error=words)
        raise
    total = cost()
    finish_run(connection=connection, run=run, result=Result.DONE, cost=total)
    logger.info("%s %s in %.2f s", planned.name, _VERBS[planned.direction], total.seconds)
    return MigrationOutcome(
        name=planned.name,
        direction=planned.direction,
        way=runner.way,
        seconds=total.seconds,
        attempts=total.attempts,
        waited_seconds=total.waited_seconds,
    )


def _run(runner: MigrationRunner, state: ProjectState) -> None:
    given = Surroundings(progress=runner.progress, patience_seconds=runner.patience.seconds)
    try:
        with patience_of_migration(runner.patience), surrounded_by(given):
            runner.run(state)
    except PatienceEnded:
        raise
    except Exception as error:
        message = _message(runner, words_of(error, alias=runner.connection.alias))
        raise MigrationFailed(message, migration=runner.planned.name) from error


def _halfway(outcomes: Sequence[MigrationOutcome], runner: MigrationRunner, words: str) -> str:
    facts = {
        "migration": runner.planned.name,
        "operation": runner.unit.operation.describe() if runner.unit else "-",
        "done": ", ".join(outcome.name for outcome in outcomes),
    }
    lines = [_("Done before that: %(done)s.") % facts] if outcomes else []
    if runner.has_changed_nothing:
        lines.append(_("Nothing was changed by %(migration)s.") % facts)
    else:
        lines.append(_("%(migration)s is half done: it got no lock for “%(operation)s”.") % facts)
    return "\n".join([*lines, words])


def _message(runner: MigrationRunner, words: str) -> str:
    facts = {
        "migration": runner.planned.name,
        "operation": runner.unit.operation.describe() if runner.unit else "-",
        "done": runner.done,
    }
    if runner.way == Way.ATOMIC:
        sentence = _("%(migration)s failed at “%(operation)s”, and nothing of it remains.") % facts
    else:
        sentence = (
            ngettext(
                "%(migration)s is half done: it failed at “%(operation)s”, after %(done)d operation.",
                "%(migration)s is half done: it failed at “%(operation)s”, after %(done)d operations.",
                runner.done,
            )
            % facts
        )
    remedy = _("→ Mend the cause, then type the command again: %(command)s")
    lines = [sentence, words]
    if "\n→" not in words:
        lines.append(remedy % {"command": _COMMANDS[runner.planned.direction]})
    return "\n".join(lines)
