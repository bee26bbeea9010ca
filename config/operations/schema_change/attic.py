"""What a migration drops goes to the attic first, and the opposite direction of the migration brings it back.

A table is moved there, the values of a column are copied. The operations of a migration stay Django's: a
schema editor of ours does their work, and only under `migrate_safely`, `revert` and `rehearse`.
"""

import datetime
import logging
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import Field, Model

from config.log_files import MIGRATIONS_LOGGER
from config.operations.schema_change import attic_columns, attic_tables
from config.operations.schema_change.attic_batches import (
    add_bare,
    bring_back_in_batches,
    close_copy,
    copy_out_in_batches,
)
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
from config.operations.schema_change.attic_columns import column_exists
from config.operations.schema_change.attic_entries import Entry, Place, find_entry

if TYPE_CHECKING:
    from config.operations.schema_change.execution import OperationContext

logger = logging.getLogger(MIGRATIONS_LOGGER)


class AtticKeeper:
    """The Keeper, as `run_plan` takes it, of what is dropped."""

    def __init__(self, *, now: datetime.datetime) -> None:
        self._now = now

    def concerns(self, context: "OperationContext") -> bool:
        step = step_of(context)
        return any(
            change.kind is Kind.DROPS
            or find_dropped(connection=context.connection, place=change.place)
            or attic_tables.has_unvalidated(connection=context.connection, place=change.place)
            for change in read_changes(step=step)
        )

    def prepare(self, context: "OperationContext") -> None:
        """Copy the columns of large tables that are about to be dropped, while others write."""
        for change, field in _large_columns(context, Kind.DROPS):
            if column_exists(connection=context.connection, place=change.place):
                copy_out_in_batches(
                    connection=context.connection, place=change.place, field=field, at=self._now
                )

    def replace(self, context: "OperationContext") -> bool:
        step = step_of(context)
        with AtticEditor(context, now=self._now) as editor:
            run_operation(step=step, editor=editor)
        return True

    def complete(self, context: "OperationContext") -> None:
        """Fill the columns of large tables that were made, and validate foreign keys, while others write."""
        for change, field in _large_columns(context, Kind.MAKES):
            entry = find_dropped(connection=context.connection, place=change.place)
            if entry is not None and fits(connection=context.connection, entry=entry, change=change):
                bring_back_in_batches(
                    connection=context.connection,
                    model=change.model,
                    field=field,
                    entry=entry,
                    place=change.place,
                )
        if not context.in_transaction:
            for change in read_changes(step=step_of(context)):
                attic_tables.validate_foreign_keys(connection=context.connection, place=change.place)


def needs_steps(*, step: Step, large_tables: Collection[str]) -> bool:
    """Whether rows of a large table would be read or written while others cannot write there."""
    return any(_takes_long(step.connection, change, large_tables) for change in read_changes(step=step))


def _takes_long(connection: DatabaseWrapper, change: Change, large_tables: Collection[str]) -> bool:
    if change.kind is Kind.DROPS:
        return change.field is not None and change.place.table in large_tables
    entry = find_dropped(connection=connection, place=change.place)
    return entry is not None and (entry.is_large or change.place.table in large_tables)


def _large_columns(context: "OperationContext", kind: Kind) -> Iterator[tuple[Change, "Field[Any, Any]"]]:
    if context.in_transaction:
        return
    for change in read_changes(step=step_of(context)):
        is_large = change.place.table in context.large_tables
        if change.kind is kind and change.field is not None and is_large:
            yield change, change.field


def find_dropped(*, connection: DatabaseWrapper, place: Place) -> Entry | None:
    """Return what was dropped last at `place` when its migration went the other way."""
    opposite = Place(**{**vars(place), "direction": place.way_back})
    return find_entry(connection=connection, place=opposite)


class AtticEditor(DatabaseSchemaEditor):
    """Django's schema editor, but what it drops is not gone, and what it makes is filled from the attic."""

    def __init__(self, context: "OperationContext", *, now: datetime.datetime) -> None:
        super().__init__(context.connection, atomic=False)
        self._step = step_of(context)
        self._now = now
        self._at_once = context.in_transaction
        self._large_tables = () if context.in_transaction else context.large_tables

    def create_model(self, model: type[Model]) -> None:
        entry = self._find(model)
        if entry is None:
            super().create_model(model)
            return
        attic_tables.move_back(connection=self._step.connection, entry=entry, validates=self._at_once)
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
        elif entry.place.table in self._large_tables:
            add_bare(connection=self._step.connection, model=model, field=field, entry=entry)
        else:
            attic_columns.bring_back(editor=self, model=model, field=field, entry=entry)

    def remove_field(self, model: type[Model], field: "Field[Any, Any]") -> None:
        if own_relation(field=field) is None and field.column and not field.generated:
            self._keep(place_of(self._step, model, field), field)
        super().remove_field(model, field)

    def _keep(self, place: Place, field: "Field[Any, Any]") -> None:
        connection = self._step.connection
        copied = find_entry(connection=connection, place=place, is_growing=True)
        if copied is None:
            attic_columns.copy_out(connection=connection, place=place, field=field, at=self._now)
        else:
            close_copy(connection=connection, entry=copied)

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


def step_of(context: "OperationContext") -> Step:
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
