"""What a migration drops goes to the attic first, and the opposite direction of the migration brings it back.

A table is moved there, the values of a column are copied. The operations of a migration stay Django's: a
schema editor of ours does their work, and only under `migrate_safely`, `revert` and `rehearse`.
"""

import datetime
import logging
from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import Field, Model

from config.log_files import MIGRATIONS_LOGGER
from config.operations.schema_change import attic_columns, attic_tables
from config.operations.schema_change.attic_changes import (
    Change,
    Kind,
    Step,
    own_relation,
    own_relations,
    place_of,
    read_changes,
    run_operation,
)
from config.operations.schema_change.attic_entries import Entry, Place, find_entry

if TYPE_CHECKING:
    from config.operations.schema_change.execution import OperationContext

logger = logging.getLogger(MIGRATIONS_LOGGER)


class AtticKeeper:
    """The Keeper, as `run_plan` takes it, of what is dropped."""

    def __init__(self, *, now: datetime.datetime) -> None:
        self._now = now

    def concerns(self, context: "OperationContext") -> bool:
        step = _step(context)
        return any(
            change.kind is Kind.DROPS or find_dropped(connection=context.connection, place=change.place)
            for change in read_changes(step=step)
        )

    def prepare(self, context: "OperationContext") -> None:
        """Nothing yet."""

    def replace(self, context: "OperationContext") -> bool:
        step = _step(context)
        with AtticEditor(step, now=self._now) as editor:
            run_operation(step=step, editor=editor)
        return True

    def complete(self, context: "OperationContext") -> None:
        """Nothing yet."""


def find_dropped(*, connection: DatabaseWrapper, place: Place) -> Entry | None:
    """Return what was dropped last at `place` when its migration went the other way."""
    opposite = Place(**{**vars(place), "direction": place.way_back})
    return find_entry(connection=connection, place=opposite)


class AtticEditor(DatabaseSchemaEditor):
    """Django's schema editor, but what it drops is not gone, and what it makes is filled from the attic."""

    def __init__(self, step: Step, *, now: datetime.datetime) -> None:
        super().__init__(step.connection, atomic=False)
        self._step = step
        self._now = now

    def create_model(self, model: type[Model]) -> None:
        entry = self._find(model)
        if entry is None:
            super().create_model(model)
            return
        attic_tables.move_back(connection=self._step.connection, entry=entry)
        for through in own_relations(model=model):
            self.create_model(through)

    def delete_model(self, model: type[Model]) -> None:
        for through in own_relations(model=model):
            self.delete_model(through)
        attic_tables.move_out(
            connection=self._step.connection, place=place_of(self._step, model), model=model, at=self._now
        )

    def add_field(self, model: type[Model], field: "Field[Any, Any]") -> None:
        entry = self._find(model, field) if own_relation(field=field) is None else None
        if entry is None:
            super().add_field(model, field)
        else:
            attic_columns.bring_back(editor=self, model=model, field=field, entry=entry)

    def remove_field(self, model: type[Model], field: "Field[Any, Any]") -> None:
        if own_relation(field=field) is None and field.column and not field.generated:
            place = place_of(self._step, model, field)
            attic_columns.copy_out(connection=self._step.connection, place=place, field=field, at=self._now)
        super().remove_field(model, field)

    def _find(self, model: type[Model], field: "Field[Any, Any] | None" = None) -> Entry | None:
        place = place_of(self._step, model, field)
        entry = find_dropped(connection=self._step.connection, place=place)
        change = Change(kind=Kind.MAKES, place=place, model=model, field=field)
        if entry is None or fits(connection=self._step.connection, entry=entry, change=change):
            return entry
        logger.warning("%s stays in the attic as %s: it was defined otherwise", place, entry.name)
        return None


def fits(*, connection: DatabaseWrapper, entry: Entry, change: Change) -> bool:
    """Whether what the migration makes is what was dropped, or the migration has been rewritten since."""
    if change.field is None:
        return attic_tables.fits(connection=connection, entry=entry, model=change.model)
    return attic_columns.can_come_back(connection=connection, entry=entry, field=change.field)


def _step(context: "OperationContext") -> Step:
    return Step(
        connection=context.connection,
        migration=context.migration,
        position=context.position,
        direction=context.direction,
        operation=context.operation,
        app_label=context.app_label,
        from_state=context.from_state,
        to_state=context.to_state,
    )
