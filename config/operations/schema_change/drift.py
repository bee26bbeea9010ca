"""What the live schema has otherwise than the applied migrations build it."""

import datetime
import difflib
import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from config.databases import EXTENSIONS_SCHEMA, schema_name
from config.migration_operations.replacement import OLD_ENDING
from config.migration_operations.step_trigger import STEP_PREFIX
from config.operations.integrity import DISABLED_TRIGGERS, INVALID_INDEXES, statements_that_enable
from config.operations.progress import SILENT, Progress
from config.operations.schema import ATTIC, read_definitions
from config.operations.schema_change.corrections import (
    NOT_VALID,
    statements_to_change,
    statements_to_make,
    statements_to_remove,
    statements_to_rename,
)
from config.operations.schema_change.expected_schema import expected_schema
from config.operations.schema_change.schema_objects import (
    NAME,
    Key,
    Objects,
    SchemaObject,
    objects_of,
    unquoted,
)

# Objects of no schema that belong to the database; the others are the administrator's.
_COMPARED_EVERYWHERE = ("SCHEMA", "EXTENSION", "EVENT TRIGGER")
# Every database has the first, and the second is made by whoever makes the extensions.
_SCHEMAS_OF_ALL = ("public", EXTENSIONS_SCHEMA)


class Kind(enum.StrEnum):
    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"
    INVALID = "invalid"  # An index whose building was interrupted.
    UNVALIDATED = "unvalidated"  # A constraint that old rows need not obey.
    DISABLED = "disabled"  # A trigger that does not fire.


@dataclass(frozen=True, kw_only=True)
class DriftDifference:
    """`title` is SQL's word for the object and its name; `expected` and `found` are "" where there is none.

    `statements` puts it right. Where there are none, a person has to decide.
    """

    kind: Kind
    title: str
    expected: str
    found: str
    statements: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what differs, `-` as the database has it, `+` as the migrations build it."""
        compared = difflib.ndiff(self.found.splitlines(), self.expected.splitlines())
        return tuple(line.rstrip() for line in compared if line[0] in "+-")


def find_drift(
    *, alias: str, folder: Path, now: datetime.datetime, progress: Progress = SILENT
) -> tuple[DriftDifference, ...]:
    """Compare the live schema of `alias` with its applied migrations; `folder` is the one of the backups.

    Owners and privileges are left to `provision --check`. Raises what `expected_schema` raises.
    """
    connection = cast("DatabaseWrapper", connections[alias])
    expected = expected_schema(alias=alias, folder=folder, now=now, progress=progress)
    schema = schema_name(database=connection.settings_dict)
    found = objects_of(definitions=read_definitions(connection=connection, excluded=[ATTIC]))
    differences = compare_objects(
        expected=objects_of(definitions=expected.built),
        restored=objects_of(definitions=expected.restored),
        found=found,
        schema=schema,
    )
    invalid = _invalid_indexes(connection, differences)
    names = {each.title for each in invalid}
    rest = [each for each in differences if each.title not in names and not _awaits_contract(each)]
    return (*invalid, *rest, *_disabled_foreign_keys(connection))


def compare_objects(
    *, expected: Objects, restored: Objects, found: Objects, schema: str
) -> tuple[DriftDifference, ...]:
    """Compare what belongs to `schema`; an object may also be as it is after a restore."""
    ours = {schema, "-", *(each.schema for each in expected.values())}
    wanted = {key: each for key, each in expected.items() if _is_compared(each)}
    there = {key: each for key, each in found.items() if _is_compared(each) and each.schema in ours}
    missing = {key: each for key, each in wanted.items() if key not in there}
    extra = {key: each for key, each in there.items() if key not in wanted and each.kind != "EXTENSION"}
    renamed = list(_take_renamed(missing, extra))
    changed = [
        _changed(each, there[key])
        for key, each in wanted.items()
        if key in there and there[key].definition not in (each.definition, restored[key].definition)
    ]
    differences = [*_missing(missing), *renamed, *changed, *_extra(extra)]
    return tuple(sorted(differences, key=lambda each: each.title))


def _awaits_contract(difference: DriftDifference) -> bool:
    """Whether it is what ChangeTypeOnline leaves until FinishTypeChange: the old column, kept in step."""
    name = re.split(r"[ .]", difference.title)[-1].partition("(")[0]
    is_old = difference.title.startswith("COLUMN ") and name.endswith(OLD_ENDING)
    return difference.kind is Kind.EXTRA and (is_old or name.startswith(STEP_PREFIX))


def _invalid_indexes(
    connection: DatabaseWrapper, differences: Sequence[DriftDifference]
) -> list[DriftDifference]:
    """Return the indexes that are there but unusable, which a dump leaves out as if they were missing."""
    missing = {each.title.split()[-1]: each for each in differences if each.kind is Kind.MISSING}
    found = []
    for _table, name, _partitioned, is_leftover in _rows(connection, INVALID_INDEXES):
        wanted = None if is_leftover else missing.get(unquoted(name))
        statement = f"{'REINDEX' if wanted else 'DROP'} INDEX CONCURRENTLY {name};"
        found.append(
            DriftDifference(
                kind=Kind.INVALID,
                title=wanted.title if wanted else f"INDEX {unquoted(name)}",
                expected=wanted.expected if wanted else "",
                found="",
                statements=(statement,),
            )
        )
    return found


def _disabled_foreign_keys(connection: DatabaseWrapper) -> Iterator[DriftDifference]:
    """Yield what a dump does not show: the server's own triggers, which enforce foreign keys."""
    for table, name, trigger in _rows(connection, DISABLED_TRIGGERS):
        if trigger == "ALL":
            yield DriftDifference(
                kind=Kind.DISABLED,
                title=f"CONSTRAINT {table} {name}",
                expected="",
                found="",
                statements=tuple(f"{each};" for each in statements_that_enable(table=table, trigger=trigger)),
            )


def _rows(connection: DatabaseWrapper, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _is_compared(each: SchemaObject) -> bool:
    if each.kind == "SCHEMA" or (each.kind == "COMMENT" and each.name.startswith("SCHEMA ")):
        return unquoted(each.name.removeprefix("SCHEMA ")) not in _SCHEMAS_OF_ALL
    return each.schema != "-" or each.kind in _COMPARED_EVERYWHERE


def _missing(objects: Objects) -> Iterator[DriftDifference]:
    """Yield each, a table with all that belongs to it, a column with its comment."""
    tables = {each.table for each in objects.values() if each.kind == "TABLE"}
    comments = _comments_of_columns(objects)
    for table in tables:
        yield _whole_table([each for each in objects.values() if each.table == table])
    for each in objects.values():
        if each.table not in tables and each.key not in comments:
            parts = [each] + [objects[key] for key, column in comments.items() if column == each.key]
            statements = (statement for part in parts for statement in statements_to_make(part))
            yield _difference(Kind.MISSING, each, statements, expected=each.definition)


def _comments_of_columns(objects: Objects) -> dict[Key, Key]:
    """Return comment → column, where both are among the objects."""
    columns = [key for key, each in objects.items() if each.kind == "COLUMN"]
    pairs = ((_comment_of(column), column) for column in columns)
    return {comment: column for comment, column in pairs if comment in objects}


def _comment_of(column: Key) -> Key:
    _kind, schema, name = column
    return "COMMENT", schema, f"COLUMN {name}"


def _whole_table(parts: list[SchemaObject]) -> DriftDifference:
    [table] = [each for each in parts if each.kind == "TABLE"]
    columns = ",\n    ".join(each.definition for each in parts if each.kind == "COLUMN")
    definition = table.definition.replace("()", f"(\n    {columns}\n)", 1)
    rest = [each.definition for each in parts if each.kind not in ("TABLE", "COLUMN")]
    return DriftDifference(
        kind=Kind.MISSING,
        title=table.title,
        expected=definition,
        found="",
        statements=(definition, *rest),
    )


def _extra(objects: Objects) -> Iterator[DriftDifference]:
    tables = {each.table for each in objects.values() if each.kind == "TABLE"}
    comments = _comments_of_columns(objects)
    for each in objects.values():
        is_part = each.kind != "TABLE" and each.table in tables
        if not is_part and each.key not in comments:
            yield _difference(Kind.EXTRA, each, statements_to_remove(each), found=each.definition)


def _take_renamed(
    missing: dict[Key, SchemaObject], extra: dict[Key, SchemaObject]
) -> Iterator[DriftDifference]:
    """Take the columns out that only go by another name: one is missing, one too many, both defined alike."""
    for wanted in [each for each in missing.values() if each.kind == "COLUMN"]:
        alike = [each for each in extra.values() if _is_namesake(each, wanted)]
        rivals = [each for each in missing.values() if _is_namesake(each, wanted)]
        if len(alike) == len(rivals) == 1:
            statements = statements_to_rename(wanted, alike[0])
            yield _difference(Kind.CHANGED, wanted, statements, wanted.definition, alike[0].definition)
            for objects, each in ((missing, wanted), (extra, alike[0])):
                del objects[each.key]
                objects.pop(_comment_of(each.key), None)


def _is_namesake(one: SchemaObject, other: SchemaObject) -> bool:
    definitions = {re.sub(f"^{NAME}", "", each.definition) for each in (one, other)}
    return (one.kind, one.table) == (other.kind, other.table) and len(definitions) == 1


def _changed(expected: SchemaObject, found: SchemaObject) -> DriftDifference:
    kind = Kind.CHANGED
    if expected.kind == "CONSTRAINT" and found.definition.endswith(f"{NOT_VALID};"):
        kind = Kind.UNVALIDATED
    elif expected.kind == "TRIGGER" and " DISABLE TRIGGER " in found.definition:
        kind = Kind.DISABLED
    statements = statements_to_change(expected, found)
    return _difference(kind, expected, statements, expected.definition, found.definition)


def _difference(
    kind: Kind, subject: SchemaObject, statements: Iterator[str], expected: str = "", found: str = ""
) -> DriftDifference:
    return DriftDifference(
        kind=kind, title=subject.title, expected=expected, found=found, statements=tuple(statements)
    )
