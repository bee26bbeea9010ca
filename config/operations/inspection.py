"""What an operator wants to see of a database: its migrations, and how large its tables are."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder


@dataclass(frozen=True, kw_only=True)
class AppliedMigration:
    app: str
    name: str
    applied_at: datetime.datetime
    known: bool  # Whether the code has it; if not, another release applied it.


@dataclass(frozen=True, kw_only=True)
class PendingMigration:
    app: str
    name: str

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class TableSize:
    """Sizes in bytes; `estimated_rows` is None if PostgreSQL has no statistics of a table with rows."""

    name: str
    description: str
    estimated_rows: int | None
    total_bytes: int
    index_bytes: int


@dataclass(frozen=True, kw_only=True)
class MigrationInspection:
    applied: tuple[AppliedMigration, ...]
    pending: tuple[PendingMigration, ...]
    tables: tuple[TableSize, ...]

    @property
    def unknown(self) -> tuple[AppliedMigration, ...]:
        return tuple(migration for migration in self.applied if not migration.known)


# Estimates, because counting reads every row: the planner's, or, until the table is analysed, the number of
# rows that were written since the statistics began. Those know nothing of rows from before.
TABLES = """
    SELECT relname,
           coalesce(obj_description(oid, 'pg_class'), ''),
           CASE WHEN reltuples >= 0 THEN reltuples::bigint
                WHEN pg_stat_get_live_tuples(oid) > 0 OR relkind = 'r' AND pg_relation_size(oid) = 0
                THEN pg_stat_get_live_tuples(oid)
           END,
           pg_total_relation_size(oid),
           pg_indexes_size(oid)
      FROM pg_class
     WHERE relkind IN ('r', 'p') AND relnamespace = to_regnamespace(quote_ident(current_schema()))
     ORDER BY pg_total_relation_size(oid) DESC, relname
"""


def inspect_migrations(*, connection: BaseDatabaseWrapper) -> MigrationInspection:
    """Return applied migrations newest first, pending ones in the order `migrate` takes, and the tables."""
    executor = MigrationExecutor(connection)
    return MigrationInspection(
        applied=_applied(connection, known=_known(executor)),
        pending=_pending(executor),
        tables=_tables(connection),
    )


def pending_migrations(*, connection: BaseDatabaseWrapper) -> tuple[PendingMigration, ...]:
    """Return what `migrate` would apply, in its order."""
    return _pending(MigrationExecutor(connection))


def _pending(executor: MigrationExecutor) -> tuple[PendingMigration, ...]:
    targets: list[Any] = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan(targets)
    return tuple(PendingMigration(app=step.app_label, name=step.name) for step, _backwards in plan)


def _known(executor: MigrationExecutor) -> set[tuple[str, str]]:
    on_disk = executor.loader.disk_migrations
    return set(on_disk).union(*(migration.replaces for migration in on_disk.values()))


def _applied(connection: BaseDatabaseWrapper, *, known: set[tuple[str, str]]) -> tuple[AppliedMigration, ...]:
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return ()
    rows = recorder.migration_qs.order_by("-id").values_list("app", "name", "applied")
    return tuple(
        AppliedMigration(app=app, name=name, applied_at=applied, known=(app, name) in known)
        for app, name, applied in rows
    )


def _tables(connection: BaseDatabaseWrapper) -> tuple[TableSize, ...]:
    names = _names()
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        rows = cursor.fetchall()
    return tuple(
        TableSize(
            name=name,
            description=names.get(name, comment),
            estimated_rows=estimate,
            total_bytes=total,
            index_bytes=indexes,
        )
        for name, comment, estimate, total, indexes in rows
    )


def _names() -> dict[str, str]:
    """Return what the pages call the records of each table, in the reader's language."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table: str(model._meta.verbose_name_plural) for model in models}
