"""Runs the steps of an operation, and goes on with them after whatever has interrupted it."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.migration_operations import unfinished
from config.migration_operations.guard import (
    Patience,
    PatienceEnded,
    run_concurrently,
    run_guarded,
    run_patiently,
    sqlstate,
)
from config.operations.schema_change.online_steps import Step, StepKind
from config.operations.schema_change.violations import Violation, count_duplicates, count_violations

_LOOK_AGAIN_SECONDS = 0.2
_DEADLOCK, _UNIQUE_VIOLATION, _NAME_TAKEN = "40P01", "23505", "42P07"
_RULE_VIOLATIONS = ("23503", "23514")  # foreign key, check
_BLOCKS_OF_A_BATCH = 64  # Half a megabyte of a table.
_INDEX = """
    SELECT indisvalid AND indisready AND indislive,
           EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = pg_class.oid)
      FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
     WHERE relname = %s AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass(%s))
"""
_BLOCKS = "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint + 1"


class RuleViolated(Exception):
    """Rows stand against a rule that was to be made; the message says how many, and nothing of them."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(
            ngettext(
                "%(rows)d row of the table %(table)s violates %(rule)s.",
                "%(rows)d rows of the table %(table)s violate %(rule)s.",
                violation.rows,
            )
            % {"rows": violation.rows, "table": violation.table, "rule": violation.rule}
        )
        self.violation = violation


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is known of one operation, kept with the work itself; nowhere, if the table is still to come."""

    connection: DatabaseWrapper
    step: str
    exists: bool

    def load(self) -> dict[str, Any] | None:
        return unfinished.load(self.connection, self.step) if self.exists else None

    def save(self, state: Mapping[str, Any]) -> None:
        if self.exists:
            unfinished.save(self.connection, self.step, state)


@dataclass(frozen=True, kw_only=True)
class StepRunner:
    """`execute` executes one statement where it can be observed, and returns the number of its rows."""

    connection: DatabaseWrapper
    patience: Patience
    memory: Memory
    execute: Callable[[str], int]

    def run(self, steps: Sequence[Step], state: dict[str, Any]) -> None:
        """Do the steps that `state` does not count as done. `state` keeps up, and is saved at each."""
        work = {
            StepKind.TRANSACTION: self._run_transaction,
            StepKind.VALIDATE: self._validate,
            StepKind.CONCURRENTLY: self._build,
            StepKind.ALONE: self._run_alone,
            StepKind.BATCHES: self._fill,
        }
        while state["done"] < len(steps):
            step = steps[state["done"]]
            work[step.kind](step, state)

    def _run_transaction(self, step: Step, state: dict[str, Any]) -> None:
        run_guarded(
            lambda: self._execute_and_tick(step, state),
            connection=self.connection,
            patience=self.patience,
            locks=step.locks,
        )
        _tick(state)

    def _execute_and_tick(self, step: Step, state: Mapping[str, Any]) -> None:
        self.memory.save(_ticked(state))  # First, so that locks are held for the shortest time.
        for sql in step.sql:
            self.execute(sql)

    def _validate(self, step: Step, state: dict[str, Any]) -> None:
        try:
            run_patiently(
                lambda: self._execute_and_tick(step, state),
                connection=self.connection,
                patience=self.patience,
            )
        except DatabaseError as error:
            if sqlstate(error) not in _RULE_VIOLATIONS:
                raise
            raise RuleViolated(self._undo(step, state)) from error
        _tick(state)

    def _undo(self, step: Step, state: dict[str, Any]) -> Violation:
        """Count what stands against the rule, and take it away so that nobody is refused because of it."""
        violation = count_violations(connection=self.connection, table=step.table, constraint=step.name)
        if step.back_to is not None:
            earlier = {**state, "done": step.back_to}

            def take_back() -> None:
                self.execute(step.undo)
                self.memory.save(earlier)

            run_guarded(take_back, connection=self.connection, patience=self.patience)
            state.update(earlier)
        return violation

    def _run_alone(self, step: Step, state: dict[str, Any]) -> None:
        run_concurrently(
            lambda: self.execute(step.sql[0]), connection=self.connection, patience=self.patience
        )
        self._save_tick(state)

    def _build(self, step: Step, state: dict[str, Any]) -> None:
        """Build an index; what an earlier attempt has left is either good or is dropped first."""
        if state.get("begun") == state["done"] and self._left_by_earlier_attempt(step):
            self._save_tick(state)
            return
        state["begun"] = state["done"]
        self.memory.save(state)
        try:
            run_concurrently(
                lambda: self.execute(step.sql[0]), connection=self.connection, patience=self.patience
            )
        except DatabaseError as error:
            if sqlstate(error) == _NAME_TAKEN:
                del state["begun"]  # The index of somebody else is not one that we have built.
                self.memory.save(state)
            self._clean_up(step, error)
            return  # Another attempt, as `state` has not moved.
        except PatienceEnded:
            self._drop_in_passing(step)
            raise
        self._save_tick(state)

    def _clean_up(self, step: Step, error: DatabaseError) -> None:
        """Leave no invalid index behind; raise what happened, unless it was nobody's fault."""
        state = sqlstate(error)
        if state == _UNIQUE_VIOLATION:
            violation = count_duplicates(connection=self.connection, table=step.table, index=step.name)
            self._drop_in_passing(step)
            raise RuleViolated(violation) from error
        self._drop_in_passing(step)
        if state != _DEADLOCK or not self.patience.remaining_seconds:
            raise error
        with self.patience.spent():
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _left_by_earlier_attempt(self, step: Step) -> bool:
        """Tell whether a valid index is there. The server may still build what its client has left."""
        while (found := self._look(step)) and found[1]:
            if not self.patience.remaining_seconds:
                raise PatienceEnded(
                    _(
                        "The server is still building the index %(index)s for an earlier command.\n"
                        "→ See how far it is: manage.py database_activity. Then type the command again."
                    )
                    % {"index": step.name},
                    blockers=(),
                )
            with self.patience.spent():
                time.sleep(_LOOK_AGAIN_SECONDS)
        if found and not found[0]:
            self._drop(step)
        return bool(found and found[0])

    def _look(self, step: Step) -> tuple[bool, bool] | None:
        """Return whether the index is valid, and whether it is being built; None if it is not there."""
        with self.connection.cursor() as cursor:
            cursor.execute(_INDEX, [step.name, self._quote(step.table)])
            found: tuple[bool, bool] | None = cursor.fetchone()
            return found

    def _drop(self, step: Step) -> None:
        sql = f"DROP INDEX CONCURRENTLY IF EXISTS {self._quote(step.name)}"
        run_concurrently(lambda: self.execute(sql), connection=self.connection, patience=self.patience)

    def _drop_in_passing(self, step: Step) -> None:
        """Drop what is invalid now if nobody stands in the way; otherwise the next attempt does."""
        with contextlib.suppress(DatabaseError, InterfaceError, PatienceEnded):
            found = self._look(step)
            if found and not found[0]:
                self._drop(step)

    def _fill(self, step: Step, state: dict[str, Any]) -> None:
        """Change the rows some blocks at a time, and again as long as a pass finds fewer than that before.

        A row that somebody changes meanwhile may go to a block that has been passed.
        """
        before = None
        while (changed := self._pass_over(step)) and (before is None or changed < before):
            before = changed
        self._save_tick(state)

    def _pass_over(self, step: Step) -> int:
        changed, block = 0, 0
        while block < self._count_blocks(step):
            changed += run_guarded(
                lambda first=block: self._change_blocks(step, first),  # type: ignore[misc]
                connection=self.connection,
                patience=self.patience,
            )
            block += _BLOCKS_OF_A_BATCH
        return changed

    def _change_blocks(self, step: Step, first: int) -> int:
        where = f" AND ctid >= '({first},0)' AND ctid < '({first + _BLOCKS_OF_A_BATCH},0)'"
        return self.execute(step.sql[0] + where)

    def _count_blocks(self, step: Step) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(_BLOCKS, [self._quote(step.table)])
            return int(cursor.fetchone()[0])

    def _save_tick(self, state: dict[str, Any]) -> None:
        _tick(state)
        self.memory.save(state)

    def _quote(self, name: str) -> str:
        return str(self.connection.ops.quote_name(name))


def _ticked(state: Mapping[str, Any]) -> dict[str, Any]:
    return {**state, "done": state["done"] + 1}


def _tick(state: dict[str, Any]) -> None:
    state["done"] += 1
