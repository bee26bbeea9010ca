"""Who uses the database right now, who waits for whose lock, and what has been running too long."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.redaction import redact
from config.shown_statements import printable, shown_statement

LONG_SECONDS = 60

# The place that pg_blocking_pids() gives to a prepared transaction, which has no process.
PREPARED = 0

# From the strongest to the weakest, "Table-Level Locks" in PostgreSQL's documentation.
MODES = (
    "AccessExclusiveLock",
    "ExclusiveLock",
    "ShareRowExclusiveLock",
    "ShareLock",
    "ShareUpdateExclusiveLock",
    "RowExclusiveLock",
    "RowShareLock",
    "AccessShareLock",
)

# Looking must not queue behind what it is to show, such as a VACUUM FULL of a catalogue table.
_LOCK_TIMEOUT = "2s"

# One reading of pg_locks for everything, because each reading stops all lock traffic for a moment.
# Whoever waits for the transaction that changed a row holds a lock on the tuple, which names the table.
SESSIONS = """
    WITH locks AS MATERIALIZED (
        SELECT locks.*, relation::regclass::text AS "table"
          FROM pg_locks AS locks
         WHERE pid <> pg_backend_pid() AND mode <> 'SIReadLock'
           AND coalesce(database, 0) IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ), waits AS (
        SELECT DISTINCT ON (pid) pid, mode, locktype, waitstart,
               coalesce("table", (SELECT "table" FROM locks AS held
                                   WHERE held.pid = locks.pid AND held.granted AND held.locktype = 'tuple'
                                   LIMIT 1)) AS "table"
          FROM locks
         WHERE NOT granted
         ORDER BY pid, waitstart
    ), held AS (
        SELECT pid, array_agg(DISTINCT ARRAY[mode, locktype, coalesce("table", '')]) AS locks
          FROM locks
          LEFT JOIN pg_class ON pg_class.oid = relation
         WHERE granted AND (locktype = 'advisory' OR (
                   locktype = 'relation' AND relkind IN ('r', 'p', 'm', 'f')
                   AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)))
         GROUP BY pid
    )
    SELECT sessions.pid, coalesce(usename, ''), coalesce(application_name, ''),
           coalesce(host(client_addr), ''), backend_type, coalesce(state, ''), backend_start,
           xact_start, query_start, state_change,
           coalesce(query, ''), coalesce(held.locks, '{}'),
           waits.mode, waits.locktype, waits."table", waits.waitstart,
           CASE WHEN waits.pid IS NULL THEN '{}' ELSE pg_blocking_pids(sessions.pid) END
      FROM pg_stat_activity AS sessions
      LEFT JOIN waits USING (pid)
      LEFT JOIN held USING (pid)
     WHERE datname = current_database() AND sessions.pid <> pg_backend_pid()
     ORDER BY xact_start, sessions.pid
"""

PREPARED_TRANSACTIONS = """
    SELECT gid, owner, prepared
      FROM pg_prepared_xacts
     WHERE database = current_database()
     ORDER BY prepared, gid
"""

WHERE_AND_WHEN = "SELECT current_database(), current_user, clock_timestamp()"


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock as pg_locks names it; `table` is empty where it is on something else."""

    mode: str
    kind: str
    table: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    """`since` is None for the first moments of a wait."""

    lock: Lock
    since: datetime.datetime | None
    blocked_by: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Session:
    """A server process of this database.

    `statement` is the running or the latest one, without its values. Where `visible` is false the
    server hides all but pid and user, because the session belongs to another role.
    """

    pid: int
    user: str
    application: str
    client: str  # An address; empty for a Unix socket.
    kind: str
    state: str
    connected_at: datetime.datetime | None
    transaction_started_at: datetime.datetime | None
    statement_started_at: datetime.datetime | None
    state_changed_at: datetime.datetime | None
    statement: str
    locks: tuple[Lock, ...]
    wait: Wait | None

    @property
    def visible(self) -> bool:
        return bool(self.kind)

    @property
    def is_client(self) -> bool:
        return self.kind == "client backend"

    @property
    def is_active(self) -> bool:
        return self.is_client and self.state == "active"

    @property
    def is_idle_in_transaction(self) -> bool:
        return self.is_client and self.state.startswith("idle in transaction")

    @property
    def blocked_by(self) -> tuple[int, ...]:
        return self.wait.blocked_by if self.wait else ()


@dataclass(frozen=True, kw_only=True)
class PreparedTransaction:
    identifier: str
    owner: str
    prepared_at: datetime.datetime


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One look at the database, by the clock of the server; the own session is left out."""

    database: str
    user: str
    observed_at: datetime.datetime
    longer_than_seconds: int
    sessions: tuple[Session, ...]
    prepared: tuple[PreparedTransaction, ...]

    @property
    def blocked(self) -> tuple[Session, ...]:
        return tuple(session for session in self.sessions if session.blocked_by)

    @property
    def long_running(self) -> tuple[Session, ...]:
        """Active sessions with an old transaction: many short statements hold locks as one long one does."""
        active = (session for session in self.sessions if session.is_active)
        return tuple(session for session in active if self.is_old(session.transaction_started_at))

    @property
    def idle_transactions(self) -> tuple[Session, ...]:
        return tuple(session for session in self.sessions if session.is_idle_in_transaction)

    @property
    def hidden(self) -> tuple[Session, ...]:
        return tuple(session for session in self.sessions if not session.visible)

    @property
    def is_healthy(self) -> bool:
        old = [session for session in self.idle_transactions if self.is_old(session.transaction_started_at)]
        forgotten = [prepared for prepared in self.prepared if self.is_old(prepared.prepared_at)]
        return not (self.blocked or self.long_running or old or forgotten)

    def seconds_since(self, moment: datetime.datetime | None) -> int:
        return max(0, int((self.observed_at - moment).total_seconds())) if moment else 0

    def is_old(self, moment: datetime.datetime | None) -> bool:
        return moment is not None and (self.observed_at - moment).total_seconds() > self.longer_than_seconds


def read_activity(*, alias: str = DEFAULT_DB_ALIAS, longer_than_seconds: int = LONG_SECONDS) -> Activity:
    """Look at the database of `alias` once, without waiting for anybody's lock."""
    connection = connections[alias]
    with transaction.atomic(using=alias):
        # Within a transaction the server would show again what it showed first.
        _rows(connection, "SELECT pg_stat_clear_snapshot()")
        _rows(connection, "SELECT set_config('lock_timeout', %s, true)", _LOCK_TIMEOUT)
        sessions = [_session(row) for row in _rows(connection, SESSIONS)]
        prepared = [
            PreparedTransaction(identifier=printable(gid), owner=printable(owner), prepared_at=at)
            for gid, owner, at in _rows(connection, PREPARED_TRANSACTIONS)
        ]
        [(database, user, observed_at)] = _rows(connection, WHERE_AND_WHEN)
    return Activity(
        database=database,
        user=user,
        observed_at=observed_at,
        longer_than_seconds=longer_than_seconds,
        sessions=tuple(sessions),
        prepared=tuple(prepared),
    )


def _session(row: tuple[Any, ...]) -> Session:
    pid, user, application, client, kind, state, *times, statement, locks = row[:12]
    connected_at, transaction_started_at, statement_started_at, state_changed_at = times
    return Session(
        pid=pid,
        user=printable(user),
        application=printable(redact(application)),
        client=client,
        kind=kind or "",
        state=state,
        connected_at=connected_at,
        transaction_started_at=transaction_started_at,
        statement_started_at=statement_started_at,
        state_changed_at=state_changed_at,
        statement=shown_statement(statement) if kind else "",
        locks=_locks(locks),
        wait=_wait(*row[12:]),
    )


def _locks(rows: list[list[str]]) -> tuple[Lock, ...]:
    locks = [Lock(mode=mode, kind=kind, table=printable(table)) for mode, kind, table in rows]
    return tuple(sorted(locks, key=lambda lock: (MODES.index(lock.mode), lock.kind, lock.table)))


def _wait(
    mode: str | None, kind: str, table: str | None, since: datetime.datetime | None, blocked_by: list[int]
) -> Wait | None:
    if mode is None:
        return None
    lock = Lock(mode=mode, kind=kind, table=printable(table or ""))
    # Several workers of one parallel query count as often as there are.
    return Wait(lock=lock, since=since, blocked_by=tuple(sorted(set(blocked_by))))


def _rows(connection: BaseDatabaseWrapper, query: str, *parameters: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
