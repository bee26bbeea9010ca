"""How large the tables are, as far as it is known without reading them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.backends.postgresql.base import DatabaseWrapper

from config.databases import schema_name

LARGE_ROWS = 100_000
LARGE_BYTES = 64 * 1024**2

# Rows that came since the last ANALYZE are counted by the statistics; a table that was never analysed has -1
# rows, and its statistics may have been reset, so that its bytes have to tell.
_SIZES = """
    WITH RECURSIVE part AS (
        SELECT oid AS root, oid AS relation
          FROM pg_class
         WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p', 'm')
         UNION
        SELECT root, inhrelid FROM part JOIN pg_inherits ON inhparent = relation
    )
    SELECT root.relname,
           sum(greatest(relation.reltuples, pg_stat_get_live_tuples(relation.oid), 0))::bigint,
           sum(coalesce(pg_total_relation_size(relation.oid), 0))::bigint
      FROM part
      JOIN pg_class AS root ON root.oid = root
      JOIN pg_class AS relation ON relation.oid = part.relation
     GROUP BY root.relname
"""


@dataclass(frozen=True, kw_only=True)
class TableSize:
    """`rows` is an estimate; `bytes` includes indexes and whatever is stored aside."""

    rows: int
    bytes: int

    @property
    def is_large(self) -> bool:
        return self.rows > LARGE_ROWS or self.bytes > LARGE_BYTES


def read_sizes(*, connection: DatabaseWrapper) -> Mapping[str, TableSize]:
    """Return table → size of the application's schema; a partitioned table counts with its partitions."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [schema_name(database=connection.settings_dict)])
        return {name: TableSize(rows=rows, bytes=size) for name, rows, size in cursor.fetchall()}
