"""Runs one migration, as one transaction or step by step."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState
from django.utils.translation import gettext as _

from config.migration_operations import unfinished
from config.migration_operations.guard import Patience, guarded_statements, run_guarded
from config.operations.models import Way
from config.operations.progress import Progress
from config.operations.schema_change.companions import Keeper, Observer, OperationContext
from config.operations.schema_change.effects import strongest
from config.operations.schema_change.foresight import names_after
from config.operations.schema_change.interruptions import forget_steps, step_name, unfinished_migrations
from config.operations.schema_change.online_steps import Step, StepKind, as_statements, steps_of
from config.operations.schema_change.planning import PlannedMigration
from config.operations.schema_change.schema_editor import CollectingEditor
from config.operations.schema_change.statements import read_catalogue
from config.operations.schema_change.step_runner import Memory, StepRunner
from config.operations.schema_change.units import Unit, units_of
from config.operations.schema_change.wording import describe_operation

_CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"
_SAVEPOINTS = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")


class ChangedMeanwhile(Exception):
    """The file of a migration that is half done is not what it was; the message says what to do."""


@dataclass(kw_only=True)
class MigrationRunner:
    """`record` writes to django_migrations that the migration was applied, or that it was reverted."""

    connection: DatabaseWrapper
    planned: PlannedMigration
    migration: Migration
    way: Way
    patience: Patience
    record: Callable[[], None]
    progress: Progress
    observer: Observer | None
    keeper: Keeper | None
    unit: Unit | None = None  # The one that is running, or ran last.
    done: int = 0
    large_tables: frozenset[str] = frozenset()  # By the names that they have now.

    @property
    def has_changed_nothing(self) -> bool:
        """Tell, of a migration that has failed, whether the database is as if it had never begun."""
        if self.way == Way.ATOMIC:
            return True
        unit, name = self.unit, (self.planned.name, self.planned.direction)
        may_leave_something = unit is not None and not (unit.is_schema_only or self._is_transaction(unit))
        is_begun = name in unfinished_migrations(connection=self.connection)
        return not (self.done or may_leave_something or is_begun)

    def run(self, state: ProjectState) -> None:
        """`state` is that before the migration was applied; it is not changed."""
        self.large_tables = self.planned.large_tables
        if self.way == Way.ATOMIC:
            locks = strongest(lock for statement in self.planned.statements for lock in statement.locks)
            run_guarded(
                lambda: self._run_at_once(state),
                connection=self.connection,
                patience=self.patience,
                locks={lock.table: lock.mode.name_in_pg_locks for lock in locks},
            )
        else:
            self._run_step_by_step(state)

    def _run_at_once(self, state: ProjectState) -> None:
        units = units_of(self.migration, state.clone(), self.planned.direction)
        with self._observed(), self.connection.schema_editor(atomic=True) as editor:
            for unit in units:
                self._begin(unit)
                self._run_here(unit, editor)
        self.record()

    def _run_step_by_step(self, state: ProjectState) -> None:
        exists = unfinished.can_remember(connection=self.connection)
        for unit in units_of(self.migration, state.clone(), self.planned.direction):
            self._begin(unit)
            step = step_name(self.planned.name, self.planned.direction, unit.key)
            memory = Memory(connection=self.connection, step=step, exists=exists)
            saved = memory.load()
            self._refuse_another(unit, saved)
            if unit.is_schema_only:
                self._run_steps(unit, memory, saved)
            elif saved is None:
                self._run_unknown(unit, memory)
            self.done += 1
        run_guarded(self._finish, connection=self.connection, patience=self.patience)

    def _finish(self) -> None:
        self.record()
        forget_steps(
            connection=self.connection, migration=self.planned.name, direction=self.planned.direction
        )

    def _run_steps(self, unit: Unit, memory: Memory, saved: dict[str, Any] | None) -> None:
        if saved is None:
            steps = self._steps(unit)
            saved = {"operation": unit.operation.describe(), "done": 0}
            saved["steps"] = [step.to_json() for step in steps]
        else:
            steps = tuple(map(Step.from_json, saved["steps"]))
        runner = StepRunner(
            connection=self.connection, patience=self.patience, memory=memory, execute=self._execute
        )
        if self._concerns_keeper(unit):
            self._run_with_keeper(unit, runner, steps, saved)
        else:
            runner.run(steps, saved)
        for statement in as_statements(sql for step in steps for sql in step.sql):
            self.large_tables = names_after(self.large_tables, statement.actions)

    def _steps(self, unit: Unit) -> tuple[Step, ...]:
        editor = CollectingEditor(self.connection, large_tables=self.large_tables)
        unit.run(editor)
        return steps_of(
            editor.take(),
            large_tables=self.large_tables,
            catalogue=read_catalogue(connection=self.connection),
        )

    def _run_with_keeper(
        self, unit: Unit, runner: StepRunner, steps: tuple[Step, ...], state: dict[str, Any]
    ) -> None:
        """Let the keeper work in the transaction of the first step, and before and after all of them."""
        assert self.keeper is not None  # noqa: S101 - it was asked
        context = self._context(unit)
        if not state.get("kept"):
            self.keeper.prepare(context)
            state |= run_guarded(
                lambda: self._keep(context, runner, steps, state),
                connection=self.connection,
                patience=self.patience,
                locks=steps[0].locks if steps else {},
            )
        runner.run(steps, state)
        if not state.get("completed"):
            self.keeper.complete(context)
            state["completed"] = True
            runner.memory.save(state)

    def _keep(
        self, context: OperationContext, runner: StepRunner, steps: tuple[Step, ...], state: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the state that the transaction leads to."""
        assert self.keeper is not None  # noqa: S101 - it was asked
        done = len(steps)
        if not self.keeper.replace(context):
            first = [step for step in steps[:1] if step.kind == StepKind.TRANSACTION]
            for sql in (sql for step in first for sql in step.sql):
                self._execute(sql)
            done = len(first)
        kept = {**state, "kept": True, "done": done}
        runner.memory.save(kept)
        return kept

    def _run_unknown(self, unit: Unit, memory: Memory) -> None:
        """Run what may do anything, in a transaction unless its migration was written to have none."""
        state = {"operation": unit.operation.describe(), "done": 0}
        if self._is_transaction(unit):
            run_guarded(
                lambda: self._run_in_transaction(unit, memory, state),
                connection=self.connection,
                patience=self.patience,
            )
        else:
            with guarded_statements(connection=self.connection, patience=self.patience):
                self._run_unit(unit)
            memory.save(state)

    def _is_transaction(self, unit: Unit) -> bool:
        return bool(self.migration.atomic or unit.operation.atomic)

    def _run_in_transaction(self, unit: Unit, memory: Memory, state: dict[str, Any]) -> None:
        self._run_unit(unit)
        with self.connection.cursor() as cursor:
            cursor.execute(_CHECK_NOW)
        memory.save(state)

    def _run_unit(self, unit: Unit) -> None:
        with self._observed(), self.connection.schema_editor(atomic=False) as editor:
            unit.run(editor)

    def _run_here(self, unit: Unit, editor: BaseDatabaseSchemaEditor) -> None:
        """Run a unit within the transaction of the whole migration."""
        if self.keeper is None or not self._concerns_keeper(unit):
            unit.run(editor)
            if not unit.is_schema_only:
                editor.execute(_CHECK_NOW)
            return
        context = self._context(unit)
        self.keeper.prepare(context)
        if not self.keeper.replace(context):
            unit.run(editor)
        self.keeper.complete(context)

    def _concerns_keeper(self, unit: Unit) -> bool:
        return self.keeper is not None and unit.is_schema_only and self.keeper.concerns(self._context(unit))

    def _context(self, unit: Unit) -> OperationContext:
        return OperationContext(
            connection=self.connection,
            migration=self.planned.name,
            app_label=self.migration.app_label,
            direction=unit.direction,
            position=unit.position,
            operation=unit.operation,
            from_state=unit.from_state,
            to_state=unit.to_state,
            in_transaction=self.way == Way.ATOMIC,
            large_tables=self.large_tables,
        )

    def _begin(self, unit: Unit) -> None:
        self.unit = unit
        words = describe_operation(operation=unit.operation)
        self.progress.step(f"{self.planned.name}: {words}")

    def _refuse_another(self, unit: Unit, saved: dict[str, Any] | None) -> None:
        if saved is not None and saved["operation"] != unit.operation.describe():
            raise ChangedMeanwhile(
                _(
                    "It was interrupted at “%(old)s”, but where that was the file now says “%(new)s”.\n"
                    "→ Put the file back as it was when the migration began, finish it, and make another one."
                )
                % {"old": saved["operation"], "new": unit.operation.describe()}
            )

    def _execute(self, sql: str) -> int:
        with self._observed(), self.connection.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    @contextlib.contextmanager
    def _observed(self) -> Iterator[None]:
        """Show each statement to the observer, but not those that it executes itself."""
        if self.observer is None:
            yield
            return
        observer, looking = self.observer, False

        def observe(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
            nonlocal looking
            result = execute(sql, params, many, context)
            if not looking and not str(sql).startswith(_SAVEPOINTS):
                looking = True
                try:
                    observer.statement(self.connection, self.planned.name, str(sql))
                finally:
                    looking = False
            return result

        with self.connection.execute_wrapper(observe):
            yield
