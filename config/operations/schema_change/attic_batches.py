"""The column of a large table on its way to the attic and back: a few rows at a time, and nobody waits."""

import datetime
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import Field, Model

from config.migration_operations import unfinished
from config.migration_operations.batch_size import BatchSize
from config.migration_operations.batches import BATCH
from config.migration_operations.guard import current_patience, run_guarded
from config.migration_operations.surroundings import surroundings
from config.operations.schema_change.attic_columns import (
    ALL_ROWS,
    Column,
    Returning,
    Rows,
    new_entry,
    read_column,
    require_values,
)
from config.operations.schema_change.attic_entries import (
    Entry,
    Place,
    describe_entry,
    find_entry,
    remove_entry,
    require_attic,
)
from config.operations.schema_change.online_steps import Step, steps_of
from config.operations.schema_change.schema_editor import CollectingEditor
from config.operations.schema_change.statements import read_catalogue
from config.operations.schema_change.step_runner import Memory, StepRunner

_REST_PER_SECOND_OF_WORK = 0.2
_REST_OF_THE_BUSY_SECONDS = 0.1
_MOST_RESTS = 10
_TYPES = """
    SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY place)
      FROM unnest(%(key)s::text[]) WITH ORDINALITY AS part (name, place)
      JOIN pg_attribute ON attrelid = %(table)s::regclass AND quote_ident(attname) = name
"""


def step_name(*, place: Place) -> str:
    return f"{place.migration}/{place.direction.value}/{place.position}/attic/{place}"


def copy_out_in_batches(
    *, connection: DatabaseWrapper, place: Place, field: "Field[Any, Any]", at: datetime.datetime
) -> None:
    """Fill a copy of the column that a trigger then keeps in step, until `close_copy` ends it.

    Where rows cannot be told apart there is none; the column has to be copied at once then.
    """
    column = read_column(connection=connection, place=place, field=field)
    if not column.key:
        return
    entry = find_entry(connection=connection, place=place, is_growing=True)
    if entry is None:
        entry = new_entry(connection=connection, place=place, column=column, field=field, at=at)
        _begin_copy(connection, column, entry)
    copied = ", ".join([*column.key, column.name])
    where = "" if column.keeps_nulls else f" AND {column.name} IS NOT NULL"

    def copy(rows: Rows) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {entry.quoted} SELECT {copied} FROM {column.table} AS live "  # noqa: S608
                f"WHERE {rows.among('live')}{where} ON CONFLICT DO NOTHING",
                rows.parameters,
            )
            return int(cursor.rowcount)

    _walk(connection, step_name(place=place), column, copy)


def close_copy(*, connection: DatabaseWrapper, entry: Entry) -> None:
    """End the copying, in the transaction that drops the column."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP FUNCTION {entry.quoted}() CASCADE")


def add_bare(
    *, connection: DatabaseWrapper, model: type[Model], field: "Field[Any, Any]", entry: Entry
) -> None:
    """Make the column, which takes no time. `bring_back_in_batches` does the rest."""
    statements = _statements(connection, model, field, entry)
    with connection.cursor() as cursor:
        cursor.execute(statements[0])


def bring_back_in_batches(
    *, connection: DatabaseWrapper, model: type[Model], field: "Field[Any, Any]", entry: Entry, place: Place
) -> None:
    """Give the rows their values, then the column what else belongs to it; again after an interruption."""
    column = read_column(connection=connection, place=entry.place, field=field)
    returning = Returning.of(editor=CollectingEditor(connection), field=field)

    def fill(rows: Rows) -> int:
        return returning.fill(connection=connection, column=column, entry=entry, rows=rows)

    _walk(connection, step_name(place=place), column, fill)
    if returning.needs_values:
        require_values(connection=connection, column=column)
    statements = _statements(connection, model, field, entry)[1:]
    if returning.needs_values:
        statements = (column.not_null, *statements)
    _run(connection, f"{step_name(place=place)}/rest", statements, entry)
    run_guarded(lambda: remove_entry(connection=connection, entry=entry), connection=connection)


def _statements(
    connection: DatabaseWrapper, model: type[Model], field: "Field[Any, Any]", entry: Entry
) -> tuple[str, ...]:
    """Return the SQL of Django for the column, of which the first statement makes it."""
    editor = CollectingEditor(connection, large_tables={entry.place.table})
    editor.add_field(model, Returning.of(editor=editor, field=field).added)
    return editor.take()


def _run(connection: DatabaseWrapper, step: str, statements: tuple[str, ...], entry: Entry) -> None:
    def execute(sql: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    memory = Memory(connection=connection, step=step, exists=True)
    state = memory.load() or {"done": 0, "steps": _steps(connection, statements, entry)}
    runner = StepRunner(connection=connection, patience=current_patience(), memory=memory, execute=execute)
    runner.run(tuple(map(Step.from_json, state["steps"])), state)


def _steps(connection: DatabaseWrapper, statements: tuple[str, ...], entry: Entry) -> list[dict[str, Any]]:
    """Return the steps as they are remembered: once some are done, others would be worked out."""
    steps = steps_of(
        statements,
        large_tables={entry.place.table},
        catalogue=read_catalogue(connection=connection),
    )
    return [step.to_json() for step in steps]


def _begin_copy(connection: DatabaseWrapper, column: Column, entry: Entry) -> None:
    key = ", ".join(column.key)
    old, new = (", ".join(f"{row}.{part}" for part in column.key) for row in ("OLD", "NEW"))
    body = f"""
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND ROW({old}) IS DISTINCT FROM ROW({new}) THEN
                DELETE FROM {entry.quoted} WHERE ({key}) = ({old});
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO {entry.quoted} ({key}, {column.name}) VALUES ({new}, NEW.{column.name})
                    ON CONFLICT ({key}) DO UPDATE SET {column.name} = excluded.{column.name};
            END IF;
            RETURN NULL;
        END
    """  # noqa: S608 - quoted names

    def begin() -> None:
        require_attic(connection=connection)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {entry.quoted} AS {column.selection} LIMIT 0")
            cursor.execute(f"ALTER TABLE {entry.quoted} ADD PRIMARY KEY ({key})")
            # With the rights of the owner, because those who write have no way into the attic.
            cursor.execute(
                f"CREATE FUNCTION {entry.quoted}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
                f"SET search_path = pg_catalog, pg_temp AS $attic${body}$attic$"
            )
            cursor.execute(
                f'CREATE TRIGGER "{entry.name}" AFTER INSERT OR UPDATE OF {key}, {column.name} OR DELETE '
                f"ON {column.table} FOR EACH ROW EXECUTE FUNCTION {entry.quoted}()"
            )
        describe_entry(connection=connection, entry=entry)

    run_guarded(begin, connection=connection, locks={entry.place.table: "ShareRowExclusiveLock"})


@dataclass(frozen=True, kw_only=True)
class _Key:
    """How the rows of a table are walked: in the order of `names`, which are of these `types`."""

    table: str
    names: tuple[str, ...]
    types: tuple[str, ...]

    @classmethod
    def of(cls, *, connection: DatabaseWrapper, column: Column) -> "_Key":
        with connection.cursor() as cursor:
            cursor.execute(_TYPES, {"key": list(column.key), "table": column.table})
            [types] = cursor.fetchone()
        return cls(table=column.table, names=column.key, types=tuple(types))

    def rows(self, after: list[str] | None, last: list[str] | None) -> Rows:
        """Return the rows behind one key, up to another."""
        bounds = [(">", after), ("<=", last)]
        given = [(sign, values) for sign, values in bounds if values is not None]
        names = ", ".join(f"{{row}}.{name}" for name in self.names)
        places = ", ".join(f"%s::{kind}" for kind in self.types)
        conditions = [f"({names}) {sign} ({places})" for sign, _values in given]
        return Rows(
            template=" AND ".join(conditions) or ALL_ROWS.template,
            parameters=tuple(value for _sign, values in given for value in values),
        )

    def last_of(self, connection: DatabaseWrapper, after: list[str] | None, count: int) -> list[str] | None:
        """Return the key, as text, of the row that is `count` rows further; None if there are not so many."""
        rows = self.rows(after, None)
        names = ", ".join(f"live.{name}" for name in self.names)
        texts = ", ".join(f"live.{name}::text" for name in self.names)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {texts} FROM {self.table} AS live WHERE {rows.among('live')} "  # noqa: S608
                f"ORDER BY {names} OFFSET %s LIMIT 1",
                [*rows.parameters, count - 1],
            )
            row = cursor.fetchone()
        return None if row is None else list(row)


def _walk(connection: DatabaseWrapper, step: str, column: Column, change: Callable[[Rows], int]) -> None:
    """Change all rows in the order of their key, from where an earlier call was interrupted."""
    key, size = _Key.of(connection=connection, column=column), BatchSize()
    state = unfinished.load(connection, step) or {"after": None, "walked": False}
    while not state["walked"]:
        started = time.monotonic()
        last = key.last_of(connection, state["after"], size.rows)
        following = {"after": last, "walked": last is None}
        rows = key.rows(state["after"], last)
        work = functools.partial(_change, connection, step, change, rows, following)
        changed = run_guarded(work, connection=connection)
        surroundings().observe(BATCH)
        state = following
        seconds = time.monotonic() - started
        size.learn(changed=changed, seconds=seconds)
        _rest(connection, seconds)


def _change(
    connection: DatabaseWrapper,
    step: str,
    change: Callable[[Rows], int],
    rows: Rows,
    following: dict[str, Any],
) -> int:
    changed = change(rows)
    unfinished.save(connection, step, following)
    surroundings().observe(BATCH)
    return changed


def _rest(connection: DatabaseWrapper, seconds: float) -> None:
    given = surroundings()
    given.pause(seconds * _REST_PER_SECOND_OF_WORK)
    for _rest in range(_MOST_RESTS):
        if not given.is_busy(connection):
            break
        given.pause(_REST_OF_THE_BUSY_SECONDS)
