"""How large the tables are, as far as it can be told without reading them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.backends.postgresql.base import DatabaseWrapper

from config.databases import schema_name

LARGE_ROWS = 100_000
LARGE_BYTES = 64 * 1024**2

# The shortest row with its header. Where nothing was ever counted, there is a row wherever there is room.
_BYTES_OF_ROW = 36

# As the planner reckons: the rows of a page when it was last analysed, times the pages that there are now.
# The statistics know what was written since, but lose it when the server crashes.
_SIZES = f"""
    WITH RECURSIVE part AS (
        SELECT relname AS name, oid AS relation
          FROM pg_class
         WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p', 'm')
         UNION ALL
        SELECT name, inhrelid FROM part JOIN pg_inherits ON inhparent = relation
    ),
    size AS (
        SELECT name, reltuples, relpages, pg_stat_get_live_tuples(oid) AS counted_rows,
               pg_relation_size(oid) AS bytes, pg_total_relation_size(oid) AS all_bytes
          FROM part JOIN pg_class ON oid = relation
    )
    SELECT name,
           sum(greatest(counted_rows, CASE
               WHEN reltuples >= 0 AND relpages > 0
               THEN reltuples / relpages * (bytes / current_setting('block_size')::int)
               ELSE bytes / {_BYTES_OF_ROW}
           END))::bigint,
           sum(all_bytes)::bigint
      FROM size
     GROUP BY name
"""  # noqa: S608 - a number of ours


@dataclass(frozen=True, kw_only=True)
class TableSize:
    """`rows` is an estimate, rather too high than too low; `bytes` include indexes and long values."""

    rows: int
    bytes: int

    @property
    def is_large(self) -> bool:
        return self.rows > LARGE_ROWS or self.bytes > LARGE_BYTES


def read_sizes(*, connection: DatabaseWrapper) -> Mapping[str, TableSize]:
    """Return table → size in the application's schema; a partitioned table has the size of its partitions."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [schema_name(database=connection.settings_dict)])
        return {name: TableSize(rows=rows, bytes=size) for name, rows, size in cursor.fetchall()}
