"""Whose transactions hold the locks that a change of the schema would have to wait for."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from config.shown_statements import printable, shown_statement

ACCESS_EXCLUSIVE = "AccessExclusiveLock"

_SHARING = ("RowExclusiveLock", "ShareUpdateExclusiveLock")
_STRONG = ("ShareRowExclusiveLock", "ExclusiveLock", ACCESS_EXCLUSIVE)
# "Conflicting Lock Modes" in PostgreSQL's documentation: wanted → held by somebody else.
_CONFLICTS = {
    "AccessShareLock": (ACCESS_EXCLUSIVE,),
    "RowShareLock": ("ExclusiveLock", ACCESS_EXCLUSIVE),
    "RowExclusiveLock": ("ShareLock", *_STRONG),
    "ShareUpdateExclusiveLock": ("ShareUpdateExclusiveLock", "ShareLock", *_STRONG),
    "ShareLock": (*_SHARING, *_STRONG),
    "ShareRowExclusiveLock": (*_SHARING, "ShareLock", *_STRONG),
    "ExclusiveLock": ("RowShareLock", *_SHARING, "ShareLock", *_STRONG),
    ACCESS_EXCLUSIVE: ("AccessShareLock", "RowShareLock", *_SHARING, "ShareLock", *_STRONG),
}

# A transaction whose beginning the server hides counts as young: whoever is seen to wait for it gives up
# after a moment. A prepared transaction has no process. Autovacuum makes room for whoever waits longer than
# deadlock_timeout, which only a role that may shorten it does, unless it is to prevent wraparound.
_HOLDERS = """
    WITH wanted AS (
        SELECT name, to_regclass(format('%%I', name)) AS relation, mode
          FROM unnest(%(tables)s::text[], %(modes)s::text[]) AS wanted (name, mode)
    ), held AS (
        SELECT pid, virtualtransaction, min(name) AS name
          FROM pg_locks JOIN wanted USING (relation, mode)
         WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         GROUP BY pid, virtualtransaction
    ), holders AS (
        SELECT held.pid, coalesce(usename, '') AS usename, coalesce(application_name, ''),
               xact_start AS since, coalesce(query, ''), name
          FROM held JOIN pg_stat_activity AS session USING (pid)
         WHERE coalesce(backend_type, '') <> 'autovacuum worker' OR query LIKE '%%to prevent wraparound%%'
               OR NOT has_parameter_privilege('deadlock_timeout', 'SET')
        UNION ALL
        SELECT 0, owner, gid, prepared, '', name
          FROM held
          JOIN pg_locks AS own ON own.pid IS NULL AND own.virtualtransaction = held.virtualtransaction
          JOIN pg_prepared_xacts ON transaction = own.transactionid
         WHERE held.pid IS NULL
    )
    SELECT * FROM holders
     WHERE since < clock_timestamp() - make_interval(secs => %(seconds)s)
     ORDER BY since
"""
# CREATE INDEX CONCURRENTLY waits for everybody who may still look at the table as it was.
_OLDEST = """
    SELECT pid, coalesce(usename, ''), coalesce(application_name, ''), xact_start, coalesce(query, ''), ''
      FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
           AND xact_start < clock_timestamp() - make_interval(secs => %(seconds)s)
     ORDER BY xact_start
"""


@dataclass(frozen=True, kw_only=True)
class Blocker:
    """Somebody's transaction; `pid` is 0 for a prepared one, whose name is then its `application`.

    `statement` is the running or the latest one, without its values; `table` is empty where it is not known
    which table matters.
    """

    pid: int
    user: str
    application: str
    since: datetime.datetime
    statement: str
    table: str


def find_holders(
    *, connection: BaseDatabaseWrapper, locks: Mapping[str, str], older_than_seconds: float
) -> tuple[Blocker, ...]:
    """Return who holds what stands against `locks`, table → mode as pg_locks names it; the oldest first."""
    pairs = [(table, held) for table, mode in locks.items() for held in _CONFLICTS[mode]]
    if not pairs:
        return ()
    tables, modes = zip(*pairs, strict=True)
    return _read(connection, _HOLDERS, tables=list(tables), modes=list(modes), seconds=older_than_seconds)


def find_old_transactions(
    *, connection: BaseDatabaseWrapper, older_than_seconds: float
) -> tuple[Blocker, ...]:
    """Return all transactions of the database that are that old, the oldest first."""
    return _read(connection, _OLDEST, seconds=older_than_seconds)


def _read(connection: BaseDatabaseWrapper, query: str, **parameters: Any) -> tuple[Blocker, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows = cursor.fetchall()
    return tuple(
        Blocker(
            pid=pid,
            user=printable(user),
            application=printable(application),
            since=since,
            statement=shown_statement(statement),
            table=table,
        )
        for pid, user, application, since, statement, table in rows
    )
