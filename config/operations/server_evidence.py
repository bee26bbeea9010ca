"""What a bad night asks of the server, the database and its history; no value of anybody's row."""

import datetime
from dataclasses import asdict
from typing import Any

from django.apps import apps
from django.core import checks
from django.db import DatabaseError, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from config.databases import HEALTH_ALIAS
from config.operations.activity import read_activity
from config.operations.evidence import own_connection
from config.operations.inspection import AppliedMigration, inspect_migrations
from config.operations.integrity import find_problems
from config.operations.lock_tree import LockNode, lock_tree
from config.operations.personal_data import without_people

_SERVER = """
    SELECT current_setting('server_version') AS version,
           pg_postmaster_start_time() AS started_at,
           clock_timestamp() AS now,
           pg_is_in_recovery() AS in_recovery,
           current_database() AS database,
           current_user AS "user",
           pg_database_size(current_database()) AS database_bytes,
           current_setting('max_connections')::int AS most_connections
"""
# Numbers and choices hold no secrets; of the texts, only those that are known to hold none.
_SETTINGS = """
    SELECT name,
           CASE WHEN vartype <> 'string' OR name IN (
                    'DateStyle', 'TimeZone', 'default_tablespace', 'default_text_search_config', 'lc_collate',
                    'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'listen_addresses', 'log_timezone',
                    'search_path', 'server_encoding', 'shared_preload_libraries')
                THEN setting || coalesce(' ' || unit, '') ELSE '********' END,
           source
      FROM pg_settings
     WHERE source NOT IN ('default', 'override', 'client')
     ORDER BY name
"""
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension ORDER BY extname"
_CONNECTIONS = """
    SELECT coalesce(datname, ''), coalesce(state, backend_type, ''), count(*)
      FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 1, 2
"""
# A restore keeps the database that it replaced under such a name.
_OLD_DATABASES = """
    SELECT datname FROM pg_database
     WHERE starts_with(datname, current_database() || '_old_') ORDER BY datname DESC
"""


def server_facts() -> dict[str, Any]:
    with own_connection(HEALTH_ALIAS) as connection:
        [server] = _dictionaries(connection, _SERVER)
        return {
            **server,
            "settings": {name: [value, source] for name, value, source in _rows(connection, _SETTINGS)},
            "extensions": dict(_rows(connection, _EXTENSIONS)),
            "connections": _rows(connection, _CONNECTIONS),
        }


def old_databases() -> list[str]:
    with own_connection(HEALTH_ALIAS) as connection:
        return [name for (name,) in _rows(connection, _OLD_DATABASES)]


def migration_facts() -> dict[str, Any]:
    """Return what is applied, newest first, with whether it can be taken back, and what is pending."""
    with own_connection(HEALTH_ALIAS) as connection:
        inspection = inspect_migrations(connection=connection)
    loader = MigrationLoader(None)
    applied = [
        {
            "name": f"{migration.app}.{migration.name}",
            "applied_at": migration.applied_at,
            "known": migration.known,
            "reversible": _is_reversible(loader.disk_migrations.get((migration.app, migration.name))),
            "before": _before(loader, migration),
        }
        for migration in inspection.applied
    ]
    return {
        "applied": applied,
        "pending": [str(migration) for migration in inspection.pending],
        "tables": [asdict(table) for table in inspection.tables],
    }


def _is_reversible(migration: Any) -> bool:
    return migration is not None and all(operation.reversible for operation in migration.operations)


def _before(loader: MigrationLoader, migration: AppliedMigration) -> str:
    """Return the target that `migrate` takes to undo this one."""
    key = (migration.app, migration.name)
    if key not in loader.graph.node_map:
        return ""
    parents = [parent.key for parent in loader.graph.node_map[key].parents]
    return next((name for app, name in parents if app == migration.app), "zero")


def activity_facts() -> dict[str, Any]:
    with own_connection(HEALTH_ALIAS):
        activity = read_activity(alias=HEALTH_ALIAS)
    sessions = [asdict(session) for session in activity.sessions]
    for session in sessions:
        session["application"] = without_people(session["application"])
    return {
        **asdict(activity),
        "healthy": activity.is_healthy,
        "sessions": sessions,
        "prepared": [prepared.prepared_at for prepared in activity.prepared],
        "lock_tree": [_branch(root) for root in lock_tree(sessions=activity.sessions)],
    }


def _branch(node: LockNode) -> dict[str, Any]:
    return {"pid": node.pid, "in_circle": node.in_circle, "waiters": [_branch(w) for w in node.waiters]}


def newest_changes() -> dict[str, datetime.datetime | str | None]:
    """Return table → when a row of it was last written; the reason where that takes too long."""
    found: dict[str, datetime.datetime | str | None] = {}
    with own_connection(HEALTH_ALIAS) as connection:
        for model in apps.get_models():
            if "updated_at" not in {field.name for field in model._meta.fields}:
                continue
            rows = model._default_manager.using(connection.alias)
            try:
                found[model._meta.db_table] = rows.aggregate(newest=models.Max("updated_at"))["newest"]
            except DatabaseError as error:
                found[model._meta.db_table] = type(error).__name__
    return found


def system_checks() -> str:
    messages = checks.run_checks(include_deployment_checks=True)
    return "".join(f"{_sentence(message)}\n" for message in messages) or "no objections\n"


def _sentence(message: checks.CheckMessage) -> str:
    """Return a message about code, whose words are nobody's, on two lines."""
    return f"{message.id} {message.obj or ''}: {message.msg}\n  {message.hint or ''}".rstrip()


class IntegrityCount:
    """Counts problems as they are found, so that what there is at the deadline is not lost.

    Of the objects only keys are kept, and the names of tables and constraints.
    """

    def __init__(self, *, alias: str, seconds: float) -> None:
        self._alias = alias
        self._seconds = seconds
        self.found: dict[str, list[str]] = {}
        self.complete = False

    def collect(self) -> None:
        with own_connection(self._alias) as connection:
            with connection.cursor() as cursor:
                milliseconds = int(self._seconds * 1000)
                # The server ends by itself what nobody waits for any more.
                cursor.execute(f"SET statement_timeout = {milliseconds}")
            for problem in find_problems(using=self._alias):
                self.found.setdefault(str(problem.id), []).append(_key(problem))
        self.complete = True

    def facts(self) -> dict[str, Any]:
        counts = {name: {"count": len(keys), "objects": keys[:20]} for name, keys in self.found.items()}
        return {"complete": self.complete, "problems": counts}


def _key(problem: checks.CheckMessage) -> str:
    if isinstance(problem.obj, models.Model):
        return f"{problem.obj._meta.db_table} {problem.obj.pk}"
    # A file may have been named by a person.
    return str(problem.obj) if str(problem.id).startswith("operations.") else ""


def _rows(connection: BaseDatabaseWrapper, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _dictionaries(connection: BaseDatabaseWrapper, query: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
