"""Moves a table into the attic and back, as it is: nothing is copied, so that it takes no time.

It goes with its indexes, constraints and sequences. What ties it to other tables and functions is taken off,
so that those can change and go as if it were not there any more, and put on again when it comes back.
"""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import Model
from django.utils.translation import gettext as _

from config.databases import schema_name
from config.migration_operations.failures import OperationFailed
from config.migration_operations.guard import run_patiently
from config.operations.schema import ATTIC
from config.operations.schema_change.attic_entries import (
    Entry,
    Place,
    describe_entry,
    new_name,
    require_attic,
)

# A foreign key to itself stays on the table.
_FOREIGN_KEYS = """
    SELECT quote_ident(conname), conrelid::regclass::text, pg_get_constraintdef(oid), convalidated
      FROM pg_constraint
     WHERE contype = 'f' AND %s::regclass IN (conrelid, confrelid) AND conrelid <> confrelid
     ORDER BY conname
"""
_UNVALIDATED = """
    SELECT quote_ident(conname), conrelid::regclass::text
      FROM pg_constraint
     WHERE contype = 'f' AND NOT convalidated AND to_regclass(%s) IN (conrelid, confrelid)
     ORDER BY conname
"""
_TRIGGERS = """
    SELECT quote_ident(tgname), pg_get_triggerdef(oid), tgenabled::text
      FROM pg_trigger
     WHERE tgrelid = %s::regclass AND NOT tgisinternal
     ORDER BY tgname
"""
_RELATIONS = """
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END, relname
      FROM pg_class
     WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = %(table)s::regclass)
        OR relkind = 'S' AND oid IN (
               SELECT objid FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
                  AND refobjid = %(table)s::regclass AND deptype IN ('a', 'i')
           )
     ORDER BY relname
"""
_VIEWS = """
    SELECT DISTINCT ev_class::regclass::text
      FROM pg_rewrite JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
     WHERE refclassid = 'pg_class'::regclass AND refobjid = %s::regclass AND ev_class <> refobjid
     ORDER BY 1
"""
_COMMENT = "SELECT obj_description(%s::regclass, 'pg_class')"
_ENABLING = {"D": "DISABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


class ViewInTheWay(OperationFailed):
    """A view reads what is to be dropped; the message names it, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Ties:
    """What is taken off a table on its way to the attic; all names come quoted, but those of `relations`.

    `relations` is kind (INDEX, SEQUENCE) and name of what belongs to the table.
    """

    foreign_keys: tuple[tuple[str, str, str, bool], ...]
    triggers: tuple[tuple[str, str, str], ...]
    relations: tuple[tuple[str, str], ...]
    comment: str | None


def move_out(*, connection: DatabaseWrapper, place: Place, model: type[Model], at: Any) -> Entry:
    """Put the table of `model` into the attic. Raises ViewInTheWay."""
    require_attic(connection=connection)
    table = connection.ops.quote_name(place.table)
    ties = _read_ties(connection, table)
    definition = definition_of(connection=connection, model=model)
    entry = Entry(
        name=new_name(place=place),
        place=place,
        at=at,
        details={"definition": definition, **asdict(ties)},
    )
    with connection.cursor() as cursor:
        for name, referring, _definition, _validated in ties.foreign_keys:
            cursor.execute(f"ALTER TABLE {referring} DROP CONSTRAINT {name}")
        for name, _definition, _enabled in ties.triggers:
            cursor.execute(f"DROP TRIGGER {name} ON {table}")
        for number, (kind, name) in enumerate(ties.relations):
            old = connection.ops.quote_name(name)
            cursor.execute(f'ALTER {kind} {old} RENAME TO "{entry.name}_{number}"')
        cursor.execute(f'ALTER TABLE {table} RENAME TO "{entry.name}"')
        cursor.execute(f'ALTER TABLE "{entry.name}" SET SCHEMA {ATTIC}')
    describe_entry(connection=connection, entry=entry)
    return entry


def move_back(*, connection: DatabaseWrapper, entry: Entry, validates: bool = True) -> None:
    """Put the table where it was, and tie it again to what it was tied to.

    Where `validates` is false, `validate_foreign_keys` is to look at the rows later.
    """
    quote = connection.ops.quote_name
    schema, table = quote(schema_name(database=connection.settings_dict)), quote(entry.place.table)
    ties = _stored_ties(entry)
    comment = connection.ops.compose_sql("%s", [ties.comment])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {entry.quoted} SET SCHEMA {schema}")
        cursor.execute(f'ALTER TABLE "{entry.name}" RENAME TO {table}')
        for number, (kind, name) in enumerate(ties.relations):
            cursor.execute(f'ALTER {kind} "{entry.name}_{number}" RENAME TO {quote(name)}')
        cursor.execute(f"COMMENT ON TABLE {table} IS {comment}")
        for name, definition, enabled in ties.triggers:
            cursor.execute(definition)
            if enabled in _ENABLING:
                cursor.execute(f"ALTER TABLE {table} {_ENABLING[enabled]} {name}")
        for name, referring, definition, _validated in ties.foreign_keys:
            later = "" if validates or definition.endswith("NOT VALID") else " NOT VALID"
            cursor.execute(f"ALTER TABLE {referring} ADD CONSTRAINT {name} {definition}{later}")


def has_unvalidated(*, connection: DatabaseWrapper, place: Place) -> bool:
    return bool(_unvalidated(connection, place))


def validate_foreign_keys(*, connection: DatabaseWrapper, place: Place) -> None:
    """Read the tables that point at this one, and this one, while others write to them."""
    for name, referring in _unvalidated(connection, place):
        sql = f"ALTER TABLE {referring} VALIDATE CONSTRAINT {name}"

        def validate(sql: str = sql) -> None:
            with connection.cursor() as cursor:
                cursor.execute(sql)

        run_patiently(validate, connection=connection)


def _unvalidated(connection: DatabaseWrapper, place: Place) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_UNVALIDATED, [connection.ops.quote_name(place.table)])
        found: list[tuple[str, str]] = cursor.fetchall()
        return found


def fits(*, connection: DatabaseWrapper, entry: Entry, model: type[Model]) -> bool:
    """Whether the table in the attic is what Django would create for `model` now."""
    return bool(entry.details.get("definition") == definition_of(connection=connection, model=model))


def definition_of(*, connection: DatabaseWrapper, model: type[Model]) -> str:
    """Return the sha256, in hex, of the SQL that creates the table with all that belongs to it."""
    editor = DatabaseSchemaEditor(connection, collect_sql=True, atomic=False)
    editor.deferred_sql = []
    editor.create_model(model)
    statements = [*editor.collected_sql, *map(str, editor.deferred_sql)]
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()


def _read_ties(connection: DatabaseWrapper, table: str) -> Ties:
    with connection.cursor() as cursor:
        cursor.execute(_VIEWS, [table])
        if views := [name for (name,) in cursor.fetchall()]:
            sentence = _(
                "%(view)s is a view that reads the table %(table)s.\n→ Drop it in the migration before."
            )
            raise ViewInTheWay(sentence % {"view": ", ".join(views), "table": table})
        cursor.execute(_FOREIGN_KEYS, [table])
        foreign_keys = tuple(cursor.fetchall())
        cursor.execute(_TRIGGERS, [table])
        triggers = tuple(cursor.fetchall())
        cursor.execute(_RELATIONS, {"table": table})
        relations = tuple(cursor.fetchall())
        cursor.execute(_COMMENT, [table])
        [comment] = cursor.fetchone()
    return Ties(foreign_keys=foreign_keys, triggers=triggers, relations=relations, comment=comment)


def _stored_ties(entry: Entry) -> Ties:
    details = entry.details
    return Ties(
        foreign_keys=tuple(map(tuple, details["foreign_keys"])),
        triggers=tuple(map(tuple, details["triggers"])),
        relations=tuple(map(tuple, details["relations"])),
        comment=details["comment"],
    )
