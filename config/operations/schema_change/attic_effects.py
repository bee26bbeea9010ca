"""What a plan of migrations takes from the data and brings back, counted before anything runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from django.db.models import ForeignKey
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.models import Direction
from config.operations.schema_change.attic import find_dropped, fits
from config.operations.schema_change.attic_changes import Change, Kind, Step, read_changes
from config.operations.schema_change.attic_columns import (
    Returning,
    column_exists,
    describe_rows_without_value,
    joined,
)
from config.operations.schema_change.attic_entries import Entry, Place
from config.operations.schema_change.planning import Plan
from config.operations.schema_change.schema_editor import CollectingEditor
from config.operations.schema_change.units import name_of, units_of

_FOREIGN_KEY = re.compile(r"FOREIGN KEY \((?P<columns>.+?)\) REFERENCES (?P<table>\S+?)\((?P<keys>.+?)\)")
_EXISTS = "SELECT to_regclass(%s) IS NOT NULL"


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A table, with the number of its rows, or a column, with that of its values, that goes to the attic."""

    migration: str
    place: Place
    count: int


@dataclass(frozen=True, kw_only=True)
class Effects:
    """`returns` come back from the attic; `obstacles` are sentences on why that is impossible now."""

    losses: tuple[Loss, ...]
    returns: tuple[Entry, ...]
    obstacles: tuple[str, ...]


def read_effects(*, connection: DatabaseWrapper, plan: Plan) -> Effects:
    """Count what is in the tables and columns that are there now. The plan can be reversed as a whole."""
    changes = _changes(connection, plan)
    losses = [
        Loss(migration=change.place.migration, place=change.place, count=count)
        for change in changes
        if change.kind is Kind.DROPS and (count := _count(connection, change)) is not None
    ]
    gone = {loss.place.table for loss in losses if not loss.place.column}
    returning = [(change, entry) for change in changes if (entry := _returning(connection, change))]
    return Effects(
        losses=tuple(loss for loss in losses if not loss.place.column or loss.place.table not in gone),
        returns=tuple(entry for _change, entry in returning),
        obstacles=tuple(
            sentence for change, entry in returning for sentence in _obstacles(connection, change, entry)
        ),
    )


def _changes(connection: DatabaseWrapper, plan: Plan) -> tuple[Change, ...]:
    reader = _Reader(connection)
    reader.read(plan)
    return tuple(reader.changes)


class _Reader(MigrationExecutor):
    """Goes through the states of the models as Django's executor does, and only takes notes."""

    def __init__(self, connection: DatabaseWrapper) -> None:
        super().__init__(connection)
        self._database = connection
        self.changes: list[Change] = []

    def read(self, plan: Plan) -> None:
        nodes = {name_of(migration): migration for migration in self.loader.graph.nodes.values()}
        steps = [(nodes[each.name], each.direction is Direction.REVERT) for each in plan.migrations]
        full_plan = self.migration_plan(self.loader.graph.leaf_nodes(), clean_start=True)
        django: Any = self
        if any(backwards for _migration, backwards in steps):
            django._migrate_all_backwards(steps, full_plan, fake=False)
        elif steps:
            state = django._create_project_state(with_applied_migrations=True)
            django._migrate_all_forwards(state, steps, full_plan, fake=False, fake_initial=False)

    def apply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> ProjectState:
        self._note(state, migration, Direction.APPLY)
        return migration.mutate_state(state, preserve=False)

    def unapply_migration(
        self, state: ProjectState, migration: Migration, fake: bool = False
    ) -> ProjectState:
        self._note(state, migration, Direction.REVERT)
        return state

    def _note(self, state: ProjectState, migration: Migration, direction: Direction) -> None:
        for unit in units_of(migration, state.clone(), direction):
            step = Step(
                connection=self._database,
                migration=name_of(migration),
                position=unit.position,
                direction=direction,
                operation=unit.operation,
                app_label=unit.app_label,
                from_state=unit.from_state,
                to_state=unit.to_state,
            )
            self.changes.extend(read_changes(step=step))


def _count(connection: DatabaseWrapper, change: Change) -> int | None:
    """Return the number of rows or values; None for what is not there yet."""
    quote = connection.ops.quote_name
    place = change.place
    if not place.column:
        return (
            _count_rows(connection, quote(place.table)) if _exists(connection, quote(place.table)) else None
        )
    if not column_exists(connection=connection, place=place):
        return None
    return _count_rows(connection, f"{quote(place.table)} WHERE {quote(place.column)} IS NOT NULL")


def _returning(connection: DatabaseWrapper, change: Change) -> Entry | None:
    if change.kind is Kind.DROPS:
        return None
    entry = find_dropped(connection=connection, place=change.place)
    return entry if entry and fits(connection=connection, entry=entry, change=change) else None


def _obstacles(connection: DatabaseWrapper, change: Change, entry: Entry) -> Iterator[str]:
    if change.field is None:
        for _name, referring, definition, _validated in entry.details["foreign_keys"]:
            if referring.strip('"') == entry.place.table:
                yield from _dangling_rows(connection, entry, definition)
    elif _can_look(connection, change, entry):
        yield from _rows_without_value(connection, change, entry)
        yield from _dangling_values(connection, change, entry)


def _can_look(connection: DatabaseWrapper, change: Change, entry: Entry) -> bool:
    """Whether the table is there as it was, so that its rows can be looked at before the plan runs."""
    names = [part.strip('"') for part in entry.details["key"]]
    places = [replace(change.place, column=name) for name in names]
    return all(column_exists(connection=connection, place=place) for place in places)


def _rows_without_value(connection: DatabaseWrapper, change: Change, entry: Entry) -> Iterator[str]:
    assert change.field is not None  # noqa: S101 - asked by the caller
    returning = Returning.of(editor=CollectingEditor(connection), field=change.field)
    if not returning.needs_values or returning.default is not None:
        return
    table = connection.ops.quote_name(change.place.table)
    count = _count_rows(
        connection,
        f"{table} AS live WHERE NOT EXISTS "
        f"(SELECT FROM {entry.quoted} AS kept WHERE {joined(key=entry.details['key'])})",
    )
    if count:
        yield describe_rows_without_value(table=table, name=change.place.column, count=count)


def _dangling_values(connection: DatabaseWrapper, change: Change, entry: Entry) -> Iterator[str]:
    field: Any = change.field
    quote = connection.ops.quote_name
    if not isinstance(field, ForeignKey) or not getattr(field, "db_constraint", False):
        return
    target = field.target_field
    referenced = quote(target.model._meta.db_table)
    if _exists(connection, referenced):
        column = quote(change.place.column)
        pairs = f"referenced.{quote(str(target.column))} = kept.{column}"
        yield from _describe_dangling(connection, entry, referenced, f"kept.{column} IS NOT NULL", pairs)


def _dangling_rows(connection: DatabaseWrapper, entry: Entry, definition: str) -> Iterator[str]:
    found = _FOREIGN_KEY.match(definition)
    if found is None or not _exists(connection, found["table"]):
        return
    columns, keys = found["columns"].split(", "), found["keys"].split(", ")
    given = " AND ".join(f"kept.{column} IS NOT NULL" for column in columns)
    pairs = " AND ".join(
        f"referenced.{key} = kept.{column}" for key, column in zip(keys, columns, strict=True)
    )
    yield from _describe_dangling(connection, entry, found["table"], given, pairs)


def _describe_dangling(
    connection: DatabaseWrapper, entry: Entry, referenced: str, given: str, pairs: str
) -> Iterator[str]:
    dangling = (
        f"{entry.quoted} AS kept WHERE {given} AND NOT EXISTS "
        f"(SELECT FROM {referenced} AS referenced WHERE {pairs})"
    )
    count = _count_rows(connection, dangling)
    if count:
        sentence = ngettext(
            "%(count)d row of %(place)s in the attic points at a row of %(table)s that is gone.",
            "%(count)d rows of %(place)s in the attic point at rows of %(table)s that are gone.",
            count,
        ) % {"count": count, "place": entry.place, "table": referenced}
        remedy = _("→ To give them up, type in manage.py dbshell --database owner: %(statement)s;")
        statement = f"DELETE FROM {dangling}"  # noqa: S608 - quoted names
        yield f"{sentence}\n{remedy % {'statement': statement}}"


def _exists(connection: DatabaseWrapper, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_EXISTS, [table])
        return bool(cursor.fetchone()[0])


def _count_rows(connection: DatabaseWrapper, rows: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {rows}")  # noqa: S608 - quoted names
        return int(cursor.fetchone()[0])
