"""Remembers how far a step is that does not fit into one transaction, in the table unfinished_steps.

Written within the transaction of the work itself, the memory is as true as the work.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

TABLE = "unfinished_steps"
_DEPENDENCY = '("operations", "0001_deploys_and_migration_runs")'
_SAVE = """
    INSERT INTO unfinished_steps (step, state) VALUES (%s, %s)
        ON CONFLICT (step) DO UPDATE SET state = excluded.state, updated_at = now()
"""


class NowhereToRemember(Exception):
    """The table unfinished_steps does not exist yet; the message names the dependency that is missing."""


def can_remember(*, connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TABLE])
        return bool(cursor.fetchone()[0])


def load(connection: BaseDatabaseWrapper, step: str) -> dict[str, Any] | None:
    """Return what was saved of the step, or None if it has not begun or has ended."""
    _require(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT state::text FROM unfinished_steps WHERE step = %s", [step])
        row = cursor.fetchone()
    return None if row is None else dict(json.loads(row[0]))


def save(connection: BaseDatabaseWrapper, step: str, state: Mapping[str, Any]) -> None:
    _require(connection)
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, [step, json.dumps(state)])


def forget(connection: BaseDatabaseWrapper, step: str) -> None:
    _require(connection)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM unfinished_steps WHERE step = %s", [step])


def _require(connection: BaseDatabaseWrapper) -> None:
    if not can_remember(connection=connection):
        raise NowhereToRemember(
            _(
                "There is no table to remember in how far a step is.\n"
                "→ Add to the dependencies of the migration: %(dependency)s"
            )
            % {"dependency": _DEPENDENCY}
        )
