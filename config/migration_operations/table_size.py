"""Whether a table is so large that work on the whole of it must not happen under a lock."""

from django.db.backends.base.base import BaseDatabaseWrapper

LARGE_ROWS = 100_000
LARGE_BYTES = 64 * 1024**2

# A table that was never analysed has -1 rows; then its size decides.
_SIZE = """
    SELECT reltuples, pg_total_relation_size(oid) FROM pg_class WHERE oid = to_regclass(format('%%I', %s))
"""


def is_large(connection: BaseDatabaseWrapper, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_SIZE, [table])
        rows, size = cursor.fetchone()
    return bool(rows > LARGE_ROWS or size > LARGE_BYTES)
