"""What a rehearsed migration did to the tables: which locks it held, for how long, and what it wrote."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.backends.postgresql.base import DatabaseWrapper

from config.operations.schema_change.execution import MigrationOutcome
from config.operations.schema_change.statements import LockMode

# Of ordinary tables only: a lock on an index or on the catalogue keeps nobody of the application waiting.
_LOCKS = """
    SELECT relname, mode
      FROM pg_locks JOIN pg_class ON pg_class.oid = relation
     WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relkind IN ('r', 'p')
       AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
_WRITTEN = "SELECT pg_current_wal_insert_lsn() - '0/0'"
# As pg_locks writes them.
_MODES = {"".join(word.title() for word in mode.name.split("_")) + "Lock": mode for mode in LockMode}


@dataclass(frozen=True, kw_only=True)
class ObservedLock:
    """The strongest lock on a table, and for how long it was held in one piece, at most."""

    table: str
    mode: LockMode
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One migration in one direction; `written` is the growth of the write-ahead log in bytes."""

    outcome: MigrationOutcome
    locks: tuple[ObservedLock, ...]
    written: int


@dataclass
class _Held:
    mode: LockMode
    since: float
    longest: float = 0.0


@dataclass
class MigrationObserver:
    """An Observer that keeps what it saw. The clock runs from one statement to the next."""

    connection: DatabaseWrapper
    observations: list[Observation] = field(default_factory=list)
    _held: dict[str, _Held] = field(default_factory=dict)
    _now_held: set[str] = field(default_factory=set)
    _last: float = 0.0
    _start: int = 0

    def __post_init__(self) -> None:
        self._begin()

    def statement(self, connection: DatabaseWrapper, migration: str, sql: str) -> None:
        now = time.monotonic()
        found = dict(self._read_locks(connection))
        for table, mode in found.items():
            held = self._held.setdefault(table, _Held(mode, self._last))
            if table not in self._now_held:
                held.since = self._last
            held.mode = max(held.mode, mode)
            held.longest = max(held.longest, now - held.since)
        self._now_held = set(found)
        self._last = now

    def migration(self, outcome: MigrationOutcome) -> None:
        now = time.monotonic()
        for table in self._now_held:  # Until the end of the transaction that has just been committed.
            self._held[table].longest = max(self._held[table].longest, now - self._held[table].since)
        self.observations.append(
            Observation(outcome=outcome, locks=tuple(self._locks()), written=self._written() - self._start)
        )
        self._begin()

    @property
    def touched_tables(self) -> frozenset[str]:
        """Return the tables of which rows or the definition may have been changed."""
        return frozenset(
            lock.table
            for observation in self.observations
            for lock in observation.locks
            if lock.mode >= LockMode.ROW_EXCLUSIVE
        )

    def _begin(self) -> None:
        self._held, self._now_held = {}, set()
        self._last, self._start = time.monotonic(), self._written()

    def _locks(self) -> Iterator[ObservedLock]:
        for table, held in sorted(self._held.items(), key=lambda each: (-each[1].mode, each[0])):
            yield ObservedLock(table=table, mode=held.mode, seconds=round(held.longest, 3))

    def _read_locks(self, connection: DatabaseWrapper) -> Iterator[tuple[str, LockMode]]:
        strongest: dict[str, LockMode] = {}
        with connection.cursor() as cursor:
            cursor.execute(_LOCKS)
            for table, mode in cursor.fetchall():
                strongest[table] = max(_MODES[mode], strongest.get(table, _MODES[mode]))
        yield from strongest.items()

    def _written(self) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(_WRITTEN)
            return int(cursor.fetchone()[0])
