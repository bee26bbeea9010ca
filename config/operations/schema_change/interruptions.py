"""Migrations that were begun step by step, and interrupted."""

import re

from django.db.backends.base.base import BaseDatabaseWrapper

from config.migration_operations import unfinished
from config.operations.models import Direction

_STEP = re.compile(r"(?P<migration>\w+\.\w+)/(?P<direction>APPLY|REVERT)/.*")
_STEPS = "SELECT step FROM unfinished_steps ORDER BY step"
_FORGET = "DELETE FROM unfinished_steps WHERE starts_with(step, %s)"


def step_name(migration: str, direction: Direction, key: str = "") -> str:
    return f"{migration}/{direction.value}/{key}"


def unfinished_migrations(*, connection: BaseDatabaseWrapper) -> frozenset[tuple[str, Direction]]:
    """Return app.name of what is applied or reverted in part, and which of the two."""
    if not unfinished.can_remember(connection=connection):
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(_STEPS)
        found = [_STEP.fullmatch(step) for (step,) in cursor.fetchall()]
    return frozenset((each["migration"], Direction(each["direction"])) for each in found if each)


def forget_steps(*, connection: BaseDatabaseWrapper, migration: str, direction: Direction) -> None:
    if unfinished.can_remember(connection=connection):
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [step_name(migration, direction)])
