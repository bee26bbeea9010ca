"""Whether the server has so much to do that work which can wait should wait.

Asked for are the two signs that PostgreSQL 15 shows to an ordinary role and at little cost: somebody waits
for a lock (pg_locks; the states in pg_stat_activity are hidden from a role that is not a monitor), and a
standby lags behind (by the replication slots, which everybody may see; its times in pg_stat_replication are
hidden as well). Pressure on the disk needs no question: a batch is timed with its commit, so that a slow disk
makes the rest after it longer.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

NEW_WAIT_SECONDS = 1.0
LONGEST_LAG_BYTES = 64 * 1024**2  # Four WAL segments: a standby that keeps up is within one.

_IS_BUSY = """
    SELECT EXISTS (
            SELECT FROM pg_locks
            WHERE NOT granted AND pid <> pg_backend_pid()
                -- Whoever has waited longer does not wait for one of our batches.
                AND coalesce(waitstart, clock_timestamp()) > clock_timestamp() - make_interval(secs => %s)
        )
        OR NOT pg_is_in_recovery() AND EXISTS (
            SELECT FROM pg_replication_slots
            WHERE active AND pg_wal_lsn_diff(
                pg_current_wal_lsn(), coalesce(confirmed_flush_lsn, restart_lsn)) > %s
        )
"""


def is_busy(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_IS_BUSY, [NEW_WAIT_SECONDS, LONGEST_LAG_BYTES])
        return bool(cursor.fetchone()[0])
