"""How many rows a table has and what they say, in one number that two databases can be compared by.

The number is the sum of a hash of every row's text: it does not depend on the order of the rows, and unlike
an exclusive or it sees a row that is there twice. `count(*)` alone would not see a changed cell.
"""

import contextlib
import enum
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.translation import gettext as _

from config.operations.progress import BYTES, SILENT, Advance, Progress
from config.operations.snapshot import Session, Snapshot, joined_sessions

_SESSIONS = 2  # Reading is bound by one processor each; a server has others to serve as well.
_CANCEL_AGAIN_SECONDS = 0.2

# Tables of an extension are made by the extension. Large first, so that two sessions end together.
_TABLES = """
    SELECT format('%I.%I', nspname, relname), pg_table_size(pg_class.oid)
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind = 'r' AND relpersistence <> 't'
       AND nspname <> 'information_schema' AND nspname !~ '^pg_'
       AND NOT EXISTS (
           SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
       )
     ORDER BY pg_table_size(pg_class.oid) DESC, 1
"""
_FINGERPRINT = """
    SELECT count(*), coalesce(sum(hashtextextended({row} COLLATE "C", 0)::numeric), 0)::text
      FROM ONLY {table} AS every_row
"""


class RowText(enum.StrEnum):
    """How a row becomes text: fast, or the same whatever the order of the columns."""

    AS_STORED = "(every_row.*)::text"
    BY_NAME = "to_jsonb(every_row)::text"


@dataclass(frozen=True)
class Fingerprint:
    """Comparable between servers of one major version only."""

    rows: int
    hash: str


def list_tables(*, session: Session) -> list[str]:
    """Return the quoted names of all tables of all schemas, the largest first."""
    return list(_read_sizes(session))


def _read_sizes(session: Session) -> dict[str, int]:
    """Return table → bytes, the largest first."""
    return dict(session.execute(_TABLES).fetchall())


def count_rows(*, session: Session) -> dict[str, int]:
    """Return table → number of rows, for all tables of all schemas."""
    counts = {}
    for table in list_tables(session=session):
        [[rows]] = session.execute(f"SELECT count(*) FROM ONLY {table}").fetchall()  # noqa: S608 - quoted
        counts[table] = rows
    return counts


def read_fingerprints(
    *,
    connection: DatabaseWrapper,
    snapshot: Snapshot,
    progress: Progress = SILENT,
    row: RowText = RowText.AS_STORED,
) -> dict[str, Fingerprint]:
    with fingerprinting(connection=connection, snapshot=snapshot, progress=progress, row=row) as fingerprints:
        return fingerprints()


@contextlib.contextmanager
def fingerprinting(
    *,
    connection: DatabaseWrapper,
    snapshot: Snapshot,
    progress: Progress = SILENT,
    row: RowText = RowText.AS_STORED,
) -> Iterator[Callable[[], dict[str, Fingerprint]]]:
    """Start reading all tables in sessions of their own; yield a function that waits for the result.

    The tables are locked against changes of their definition before this yields. Leaving the block with
    an exception cancels what is still running.
    """
    tables = _read_sizes(snapshot.session)
    with (
        joined_sessions(connection=connection, snapshot=snapshot, count=_SESSIONS) as sessions,
        progress.measure(sum(tables.values()), unit=BYTES) as advance,
    ):
        if tables:
            for session in sessions:
                session.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS SHARE MODE")
        with _reading(sessions, tables, row, advance) as fingerprints:
            yield fingerprints


@contextlib.contextmanager
def _reading(
    sessions: Sequence[Session], tables: Mapping[str, int], row: RowText, advance: Advance
) -> Iterator[Callable[[], dict[str, Fingerprint]]]:
    pending: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    for table in tables.items():
        pending.put(table)
    with ThreadPoolExecutor(max_workers=len(sessions)) as pool:
        parts = [pool.submit(_read_all, session, pending, row, advance) for session in sessions]
        try:
            yield lambda: {table: found for part in parts for table, found in part.result().items()}
        except BaseException:
            _cancel(sessions, pending, parts)
            raise


def compare_fingerprints(
    *, expected: Mapping[str, Fingerprint], found: Mapping[str, Fingerprint]
) -> Iterator[str]:
    """Yield one sentence for each table that differs."""
    for table in sorted(expected.keys() | found.keys()):
        if table not in found:
            yield _("The table %(table)s is missing.") % {"table": table}
        elif table not in expected:
            yield _("The table %(table)s should not be there.") % {"table": table}
        elif expected[table].rows != found[table].rows:
            sentence = _("The table %(table)s has %(found)d rows instead of %(expected)d.")
            yield sentence % {"table": table, "found": found[table].rows, "expected": expected[table].rows}
        elif expected[table] != found[table]:
            yield _("The rows of the table %(table)s have other contents.") % {"table": table}


def _read_all(
    session: Session, pending: "queue.SimpleQueue[tuple[str, int]]", row: RowText, advance: Advance
) -> dict[str, Fingerprint]:
    found = {}
    with contextlib.suppress(queue.Empty):
        while True:
            table, size = pending.get_nowait()
            found[table] = _read(session, table, row)
            advance(size)
    return found


def _read(session: Session, table: str, row: RowText) -> Fingerprint:
    [[rows, hashed]] = session.execute(_FINGERPRINT.format(table=table, row=row)).fetchall()
    return Fingerprint(rows=rows, hash=hashed)


def _cancel(
    sessions: Sequence[Session],
    pending: "queue.SimpleQueue[tuple[str, int]]",
    parts: Sequence["Future[dict[str, Fingerprint]]"],
) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            pending.get_nowait()
    running = set(parts)
    while running:
        for session in sessions:
            with contextlib.suppress(psycopg.Error):  # The server may be gone, and with it the query.
                session.cancel()
        # A thread may have been between two statements when it was told.
        running = wait(running, timeout=_CANCEL_AGAIN_SECONDS).not_done
