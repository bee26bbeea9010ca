"""What an SQL statement does to the tables of the application, known before it runs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from config.databases import schema_name
from config.operations.schema_change.catalogue import Catalogue, read_catalogue
from config.operations.schema_change.effects import Effect, LockMode, StatementKind, TableLock, strongest
from config.operations.schema_change.forms import NAME, Surroundings, find_effect
from config.operations.schema_change.phrases import Phrase, read_phrase, split
from config.operations.schema_change.row_statements import read_rows_statement
from config.operations.schema_change.statement_forms import STATEMENTS
from config.operations.schema_change.table_actions import ACTIONS

__all__ = [
    "Catalogue",
    "Effect",
    "LockMode",
    "Statement",
    "StatementKind",
    "TableLock",
    "analyse",
    "read_catalogue",
    "split",
    "strongest",
]

_ALTER_TABLE = re.compile(rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(?P<table>{NAME})(?: \*)? ", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Statement(Effect):
    """A whole statement; `actions` are those of an ALTER TABLE, and otherwise the statement itself.

    Its kind and names are those of the action that weighs most.
    """

    actions: tuple[Effect, ...]


def analyse(sql: str, *, catalogue: Catalogue | None = None) -> Statement:
    """Return what the first statement of `sql` does; nothing is asked of the database.

    Without the catalogue it supposes the worst where the statement leaves a choice: that a change of type
    rewrites, that an unknown function is volatile. The locks that depend on foreign keys are missing then.
    """
    schema = catalogue.schema if catalogue else _schema_of_application()
    around = Surroundings(schema=schema, catalogue=catalogue)
    phrase = read_phrase(sql)
    if altered := _ALTER_TABLE.match(phrase.outline):
        table = around.local(phrase.name(altered["table"]))
        actions = phrase.between(altered.end(), len(phrase.outline)).split_at_commas()
        around = Surroundings(schema=schema, catalogue=catalogue, table=table)
        return _statement(phrase, [_action(action, around) for action in actions])
    effect = find_effect(phrase, STATEMENTS, around) or read_rows_statement(phrase, around)
    return _statement(phrase, [effect or _not_understood(phrase)])


def _schema_of_application() -> str:
    return schema_name(database=settings.DATABASES[DEFAULT_DB_ALIAS])


def _action(phrase: Phrase, around: Surroundings) -> Effect:
    effect = find_effect(phrase, ACTIONS, around)
    # No other action needs more than this lock, unless it says so.
    locks = (TableLock(around.table, LockMode.ACCESS_EXCLUSIVE),)
    return effect or _not_understood(phrase, table=around.table, locks=locks)


def _not_understood(phrase: Phrase, *, table: str = "", locks: tuple[TableLock, ...] = ()) -> Effect:
    return Effect(sql=str(phrase), kind=StatementKind.OTHER, table=table, locks=locks, is_complete=False)


def _statement(phrase: Phrase, actions: Iterable[Effect]) -> Statement:
    actions = tuple(actions)
    heaviest = max(actions, key=_weight)
    rewrites = _all(action.rewrites for action in actions)
    return Statement(
        sql=str(phrase),
        kind=heaviest.kind,
        table=heaviest.table,
        name=heaviest.name,
        new_name=heaviest.new_name,
        columns=heaviest.columns,
        other_table=heaviest.other_table,
        locks=strongest(lock for action in actions for lock in action.locks),
        scans=tuple(table for table in _all(action.scans for action in actions) if table not in rewrites),
        rewrites=rewrites,
        in_transaction=all(action.in_transaction for action in actions),
        changes_rows=any(action.changes_rows for action in actions),
        is_complete=all(action.is_complete for action in actions),
        actions=actions,
    )


def _weight(effect: Effect) -> tuple[bool, bool, bool, int]:
    mode = max((lock.mode for lock in effect.locks), default=0)
    return not effect.is_understood, bool(effect.rewrites), bool(effect.scans), mode


def _all(tables: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in tables for name in names))
