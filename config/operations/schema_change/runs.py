"""The record of deploys and of the migrations in them, and what it knows of earlier ones.

A record that cannot be written fails no migration: its tables are made by a migration themselves.
"""

import contextlib
import getpass
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import DatabaseError, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now

from config.log_files import MIGRATIONS_LOGGER
from config.operations.models import Deploy, Direction, MigrationRun, Result, Way

logger = logging.getLogger(MIGRATIONS_LOGGER)


@dataclass(frozen=True, kw_only=True)
class Exertion:
    """What a migration cost: its duration, how often it was begun, and what of the time was waiting."""

    seconds: float
    attempts: int = 1
    waited_seconds: float = 0.0


def applied_migrations(*, connection: BaseDatabaseWrapper) -> list[str]:
    """Return app.name of what is applied, oldest first."""
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return []
    rows = recorder.migration_qs.order_by("id").values_list("app", "name")
    return [f"{app}.{name}" for app, name in rows]


def start_deploy(
    *,
    connection: BaseDatabaseWrapper,
    direction: Direction,
    plan: str,
    approved_by: str = "",
    release: str = "",
    backup: str = "",
) -> Deploy | None:
    """Record that a plan begins to run; None where the table for it is still to be made."""
    deploy = Deploy(
        direction=direction,
        operator=operator(),
        host=host(),
        plan=plan,
        approved_by=approved_by,
        release=release,
        backup=backup,
        applied_before=applied_migrations(connection=connection),
    )
    return deploy if _write(deploy, connection) else None


def finish_deploy(
    *, connection: BaseDatabaseWrapper, deploy: Deploy, result: Result, error: str = ""
) -> None:
    with _forgiving(connection, Deploy) as exists:
        if exists:
            Deploy.objects.using(connection.alias).filter(pk=deploy.pk).update(
                result=result,
                error=error,
                finished_at=Now(),
                applied_after=applied_migrations(connection=connection),
            )


def start_run(
    *,
    connection: BaseDatabaseWrapper,
    migration: str,
    direction: Direction,
    way: Way,
    deploy: Deploy | None = None,
) -> MigrationRun:
    run = MigrationRun(
        deploy=deploy,
        migration=migration,
        direction=direction,
        way=way,
        result=Result.RUNNING,
        previous=_newest(connection, migration),
        operator=operator(),
        host=host(),
        started_at=Now(),
    )
    _write(run, connection)
    return run


def finish_run(
    *, connection: BaseDatabaseWrapper, run: MigrationRun, result: Result, cost: Exertion, error: str = ""
) -> None:
    """Complete the record, or make it, if its table has come only with the migration itself."""
    run.result, run.error = result, error
    run.seconds, run.attempts, run.waited_seconds = cost.seconds, cost.attempts, cost.waited_seconds
    run.reached = _newest(connection, run.migration)
    _write(run, connection)


def last_duration(*, connection: BaseDatabaseWrapper, migration: str, direction: Direction) -> float | None:
    """Return how many seconds the migration app.name took when it last succeeded here."""
    with _forgiving(connection, MigrationRun) as exists:
        if exists:
            runs = MigrationRun.objects.using(connection.alias)
            runs = runs.filter(migration=migration, direction=direction, result=Result.DONE)
            return runs.order_by("-started_at").values_list("seconds", flat=True).first()
    return None


def read_runs(*, connection: BaseDatabaseWrapper, most: int) -> list[MigrationRun]:
    """Return the last runs, the newest first, each with its deploy."""
    with _forgiving(connection, MigrationRun) as exists:
        if exists:
            runs = MigrationRun.objects.using(connection.alias).select_related("deploy")
            return list(runs.order_by("-started_at", "-id")[:most])
    return []


def operator() -> str:
    """Return the login name of who typed the command, or the number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def host() -> str:
    return socket.gethostname()


def _newest(connection: BaseDatabaseWrapper, migration: str) -> str:
    app = migration.partition(".")[0]
    recorder = MigrationRecorder(connection)
    with contextlib.suppress(DatabaseError):
        if recorder.has_table():
            newest = recorder.migration_qs.filter(app=app).order_by("-id").first()
            return f"{app}.{newest.name}" if newest else ""
    return ""


def _write(row: models.Model, connection: BaseDatabaseWrapper) -> bool:
    """Insert or update `row`; tell whether there is a table for it."""
    with _forgiving(connection, type(row)) as exists:
        if exists:
            row.save(using=connection.alias)
            return True
    return False


@contextlib.contextmanager
def _forgiving(connection: BaseDatabaseWrapper, model: type[models.Model]) -> Iterator[bool]:
    """Yield whether the table of `model` exists; log what fails, such as a column that is still to come."""
    exists = False
    try:
        exists = _is_there(connection, model)
    except DatabaseError as error:
        _log(model, error)
    try:
        yield exists
    except DatabaseError as error:
        _log(model, error)


def _is_there(connection: BaseDatabaseWrapper, model: type[models.Model]) -> bool:
    if not connection.in_atomic_block:  # There it would take the transaction for a sign of trouble.
        connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [model._meta.db_table])
        return bool(cursor.fetchone()[0])


def _log(model: type[models.Model], error: DatabaseError) -> None:
    logger.warning("%s could not be used (%s)", model._meta.db_table, type(error.__cause__).__name__)
