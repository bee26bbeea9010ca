"""A migration as the units that run one after the other, each from one state of the models to another."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration, SeparateDatabaseAndState
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.operations import RunPython, RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config.operations.models import Direction

_DJANGOS_OWN = "django.db.migrations.operations."
_OF_POSTGRESQL = (AddConstraintNotValid, AddIndexConcurrently, RemoveIndexConcurrently, ValidateConstraint)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """An operation, or one inside of a SeparateDatabaseAndState; `key` is its place in the migration."""

    position: int
    key: str
    app_label: str
    direction: Direction
    operation: Operation
    from_state: ProjectState
    to_state: ProjectState

    @property
    def is_schema_only(self) -> bool:
        """Whether it is known to do nothing but execute SQL that can be had without executing it.

        An operation of somebody else's may do anything, even if it is derived from one of these.
        """
        kind = type(self.operation)
        return kind in _OF_POSTGRESQL or (
            kind.__module__.startswith(_DJANGOS_OWN) and kind not in (RunPython, RunSQL)
        )

    def run(self, editor: BaseDatabaseSchemaEditor) -> None:
        backwards = self.direction == Direction.REVERT
        work = self.operation.database_backwards if backwards else self.operation.database_forwards
        work(self.app_label, editor, self.from_state, self.to_state)


def name_of(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"


def units_of(
    migration: Migration, state: ProjectState, direction: Direction, *, skip_irreversible: bool = False
) -> tuple[Unit, ...]:
    """Return the units in the order in which they run; `state` is that before the migration was applied.

    It is not changed. Raises IrreversibleError as Django does, unless such operations are to be left out.
    """
    states = list(_states(migration, state))
    if direction == Direction.REVERT:
        _refuse_irreversible(migration, skip=skip_irreversible)
    units = [
        unit
        for position, (operation, before, after) in enumerate(states)
        if direction == Direction.APPLY or operation.reversible
        for unit in _flatten(
            str(position), position, migration.app_label, direction, operation, before, after
        )
    ]
    return tuple(units if direction == Direction.APPLY else reversed(units))


def _refuse_irreversible(migration: Migration, *, skip: bool) -> None:
    for operation in migration.operations:
        if not operation.reversible and not skip:
            raise IrreversibleError(f"Operation {operation} in {migration} is not reversible")


def _states(
    migration: Migration, state: ProjectState
) -> Iterator[tuple[Operation, ProjectState, ProjectState]]:
    for operation in migration.operations:
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        yield operation, state, after
        state = after


def _flatten(
    key: str,
    position: int,
    app_label: str,
    direction: Direction,
    operation: Operation,
    before: ProjectState,
    after: ProjectState,
) -> Iterator[Unit]:
    if type(operation) is SeparateDatabaseAndState:
        for number, inner in enumerate(operation.database_operations):
            after = before.clone()
            inner.state_forwards(app_label, after)
            yield from _flatten(f"{key}.{number}", position, app_label, direction, inner, before, after)
            before = after
        return
    backwards = direction == Direction.REVERT
    yield Unit(
        position=position,
        key=key,
        app_label=app_label,
        direction=direction,
        operation=operation,
        from_state=after if backwards else before,
        to_state=before if backwards else after,
    )
