"""The record of deploys and of the migrations in them, and what it knows of earlier ones."""

import datetime

from django.db.backends.postgresql.base import DatabaseWrapper

from config.operations.models import Deploy, Direction, Result


def applied_migrations(*, connection: DatabaseWrapper) -> list[str]:
    """Return app.name of what is applied, oldest first."""
    raise NotImplementedError


def start_deploy(
    *,
    connection: DatabaseWrapper,
    direction: Direction,
    plan: str,
    now: datetime.datetime,
    approved_by: str = "",
    release: str = "",
    backup: str = "",
) -> Deploy | None:
    """Record that a plan begins to run; None where the table for it is still to be made."""
    raise NotImplementedError


def finish_deploy(
    *, connection: DatabaseWrapper, deploy: Deploy, result: Result, now: datetime.datetime, error: str = ""
) -> None:
    raise NotImplementedError


def last_duration(*, connection: DatabaseWrapper, migration: str, direction: Direction) -> float | None:
    """Return how many seconds the migration app.name took when it last succeeded here."""
    raise NotImplementedError
