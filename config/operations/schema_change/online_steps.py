"""Turns the statements of an operation into steps that keep nobody from a large table for long."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from django.db.backends.utils import names_digest

from config.operations.schema_change.foresight import after
from config.operations.schema_change.statements import (
    Catalogue,
    Effect,
    Statement,
    StatementKind,
    analyse,
    split,
)

_CREATE_INDEX = re.compile(r"\ACREATE( UNIQUE)? INDEX ", re.IGNORECASE)
_NAME = r'"(?:[^"]|"")+"'
_UNIQUE = re.compile(
    rf"ADD CONSTRAINT (?P<name>{_NAME}) UNIQUE(?P<nulls>(?: NULLS (?:NOT )?DISTINCT)?)"
    rf" (?P<columns>\({_NAME}(?:, {_NAME})*\))(?P<rest>.*)",
    re.DOTALL,
)
_FILL = re.compile(
    rf"UPDATE (?P<table>{_NAME}) SET (?P<column>{_NAME}) = .* WHERE (?P=column) IS NULL\Z",  # noqa: S608 - a pattern
    re.DOTALL,
)


class StepKind(StrEnum):
    TRANSACTION = "TRANSACTION"  # Quick, under short timeouts.
    CONCURRENTLY = "CONCURRENTLY"  # An index, built without a transaction.
    ALONE = "ALONE"  # What else may be in no transaction; it can be repeated.
    VALIDATE = "VALIDATE"  # Reads the table while others write.
    BATCHES = "BATCHES"  # Fills a column block by block.


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is done at once, and `name`, the index or constraint of `table` that it makes or validates.

    `locks` is table → mode as pg_locks names it. Where rows break the rule of the step, `undo` takes away
    what the step `back_to`, and those after it, have made.
    """

    kind: StepKind
    sql: tuple[str, ...]
    locks: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    name: str = ""
    undo: str = ""
    back_to: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Step":
        return cls(**{**saved, "kind": StepKind(saved["kind"]), "sql": tuple(saved["sql"])})


def is_heavy(effect: Effect, large_tables: Collection[str]) -> bool:
    """Whether others would wait for long, and a step can spare them that."""
    if effect.kind == StatementKind.UPDATE:
        return effect.table in large_tables and _FILL.match(effect.sql) is not None
    if effect.kind not in _TRANSFORMATIONS or not effect.in_transaction:
        return False
    return any(table in large_tables for table in effect.scans)


def steps_of(
    script: Iterable[str], *, large_tables: Collection[str], catalogue: Catalogue | None = None
) -> tuple[Step, ...]:
    """Return the steps that do what `script` does; what is quick is done together, in one transaction."""
    steps: list[Step] = []
    for statement in as_statements((part for sql in script for part in split(sql)), catalogue):
        for part in _parts(statement, large_tables):
            _add(steps, part, large_tables)
    return tuple(steps)


def _parts(statement: Statement, large_tables: Collection[str]) -> Iterator[Effect]:
    """Yield the actions of an ALTER TABLE one by one, each as a statement, if there is a heavy one."""
    if len(statement.actions) == 1 or not any(is_heavy(each, large_tables) for each in statement.actions):
        yield replace(statement.actions[0], sql=statement.sql) if len(statement.actions) == 1 else statement
        return
    for action in statement.actions:
        yield replace(action, sql=f"ALTER TABLE {_quoted(statement.table)} {action.sql}")


def _add(steps: list[Step], effect: Effect, large_tables: Collection[str]) -> None:
    if effect.kind == StatementKind.SET_CONSTRAINTS:
        return  # It would end with its transaction.
    if is_heavy(effect, large_tables):
        steps.extend(_TRANSFORMATIONS[effect.kind](effect, len(steps)))
    elif not effect.in_transaction:
        steps.append(_alone(effect))
    elif effect.kind == StatementKind.VALIDATE and effect.table in large_tables:
        steps.append(_validate(effect.table, effect.name))
    else:
        _add_quick(steps, effect)


def _add_quick(steps: list[Step], effect: Effect) -> None:
    """Join the transaction before, unless that one holds other tables."""
    quick = _quick(effect)
    last = steps[-1] if steps else None
    if last and last.kind == StepKind.TRANSACTION and last.locks.keys() >= quick.locks.keys():
        steps[-1] = replace(last, sql=(*last.sql, *quick.sql), locks=_strongest(last.locks, effect))
    else:
        steps.append(quick)


def _strongest(locks: Mapping[str, str], effect: Effect) -> Mapping[str, str]:
    return {**locks, **_locks(effect)}


def _locks(effect: Effect) -> dict[str, str]:
    return {lock.table: lock.mode.name_in_pg_locks for lock in effect.locks}


def _quick(effect: Effect) -> Step:
    return Step(kind=StepKind.TRANSACTION, sql=(effect.sql,), locks=_locks(effect))


def _alone(effect: Effect) -> Step:
    if effect.kind == StatementKind.CREATE_INDEX:
        return Step(kind=StepKind.CONCURRENTLY, sql=(effect.sql,), table=effect.table, name=effect.name)
    return Step(kind=StepKind.ALONE, sql=(effect.sql,), table=effect.table, name=effect.name)


def _validate(table: str, name: str, **undo: Any) -> Step:
    sql = f"ALTER TABLE {_quoted(table)} VALIDATE CONSTRAINT {_quoted(name)}"
    return Step(kind=StepKind.VALIDATE, sql=(sql,), table=table, name=name, **undo)


def _index(effect: Effect, position: int) -> Iterator[Step]:
    sql = _CREATE_INDEX.sub(r"CREATE\1 INDEX CONCURRENTLY ", effect.sql)
    yield Step(kind=StepKind.CONCURRENTLY, sql=(sql,), table=effect.table, name=effect.name)


def _constraint(effect: Effect, position: int) -> Iterator[Step]:
    yield replace(_quick(effect), sql=(f"{effect.sql} NOT VALID",))
    yield _validate(effect.table, effect.name, undo=_drop(effect.table, effect.name), back_to=position)


def _unique(effect: Effect, position: int) -> Iterator[Step]:
    found = _UNIQUE.search(effect.sql)
    assert found is not None, effect.sql  # noqa: S101 - Django writes no other form
    table, name = _quoted(effect.table), found["name"]
    build = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} {found['columns']}{found['nulls']}"
    attach = f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{found['rest']}"
    yield Step(kind=StepKind.CONCURRENTLY, sql=(build,), table=effect.table, name=effect.name)
    yield replace(_quick(effect), sql=(attach,))


def _not_null(effect: Effect, position: int) -> Iterator[Step]:
    """Let a CHECK be validated first, with which SET NOT NULL need not read the table any more."""
    table, column = _quoted(effect.table), _quoted(effect.name)
    name = _not_null_name(effect)
    drop = _drop(effect.table, name)
    check = f"ALTER TABLE {table} ADD CONSTRAINT {_quoted(name)} CHECK ({column} IS NOT NULL) NOT VALID"
    yield replace(_quick(effect), sql=(check,))
    yield _validate(effect.table, name, undo=drop, back_to=position)
    yield replace(_quick(effect), sql=(effect.sql, drop))


def _not_null_name(effect: Effect) -> str:
    return f"not_null_{names_digest(effect.table, effect.name, length=12)}"


def _fill(effect: Effect, position: int) -> Iterator[Step]:
    yield Step(kind=StepKind.BATCHES, sql=(effect.sql,), table=effect.table, name=effect.name)


def _drop(table: str, constraint: str) -> str:
    return f"ALTER TABLE {_quoted(table)} DROP CONSTRAINT {_quoted(constraint)}"


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


_TRANSFORMATIONS = {
    StatementKind.CREATE_INDEX: _index,
    StatementKind.ADD_CHECK: _constraint,
    StatementKind.ADD_FOREIGN_KEY: _constraint,
    StatementKind.ADD_UNIQUE: _unique,
    StatementKind.SET_NOT_NULL: _not_null,
    StatementKind.UPDATE: _fill,
}


def as_statements(script: Iterable[str], catalogue: Catalogue | None = None) -> tuple[Statement, ...]:
    """Return what the SQL does, of which each statement finds what those before it have made."""
    statements = []
    for sql in script:
        statements.append(analyse(sql, catalogue=catalogue))
        catalogue = catalogue and after(catalogue, statements[-1].actions)
    return tuple(statements)
