import pytest
from django.db import connection

from config.operations.schema_change.sizes import LARGE_BYTES, LARGE_ROWS, TableSize, read_sizes

pytestmark = pytest.mark.django_db


def execute(*statements):
    with connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


def size_of(table):
    return read_sizes(connection=connection)[table]


class TestTableSize:
    def test_is_large_by_its_rows_or_by_its_bytes(self):
        assert not TableSize(rows=LARGE_ROWS, bytes=LARGE_BYTES).is_large
        assert TableSize(rows=LARGE_ROWS + 1, bytes=0).is_large
        assert TableSize(rows=0, bytes=LARGE_BYTES + 1).is_large


class TestReadSizes:
    def test_counts_the_rows_of_an_analysed_table(self):
        execute("CREATE TABLE sized AS SELECT n FROM generate_series(1, 1000) AS n", "ANALYZE sized")

        assert size_of("sized").rows == 1000

    def test_follows_a_table_that_grows_after_it_was_analysed(self):
        execute(
            "CREATE TABLE sized AS SELECT n FROM generate_series(1, 2260) AS n",
            "ANALYZE sized",
            "INSERT INTO sized SELECT n FROM generate_series(1, 22600) AS n",
        )

        assert size_of("sized").rows == pytest.approx(24_860, rel=0.05)

    @pytest.mark.parametrize("begin", ["", "ANALYZE sized"])
    def test_takes_a_table_without_statistics_for_as_full_as_it_can_be(self, begin):
        execute("CREATE TABLE sized (n integer)", begin or "SELECT 1")
        execute("INSERT INTO sized SELECT n FROM generate_series(1, 110000) AS n")

        assert size_of("sized").is_large
        assert size_of("sized").bytes < LARGE_BYTES

    def test_takes_an_empty_table_for_small(self):
        execute("CREATE TABLE sized (n integer PRIMARY KEY, note text)")

        assert size_of("sized").rows == 0
        assert not size_of("sized").is_large

    def test_counts_indexes_and_long_values(self):
        execute(
            "CREATE TABLE sized (note text)",
            "ALTER TABLE sized ALTER note SET STORAGE EXTERNAL",
            "INSERT INTO sized VALUES (repeat('x', 1000000))",
        )

        assert size_of("sized").bytes > 1_000_000

    def test_gives_a_partitioned_table_the_size_of_its_partitions(self):
        execute(
            "CREATE TABLE sized (n integer) PARTITION BY RANGE (n)",
            "CREATE TABLE sized_1 PARTITION OF sized FOR VALUES FROM (1) TO (101)",
            "CREATE TABLE sized_2 PARTITION OF sized FOR VALUES FROM (101) TO (201)",
            "INSERT INTO sized SELECT n FROM generate_series(1, 200) AS n",
            "ANALYZE sized",
        )

        assert size_of("sized").rows == 200
        assert size_of("sized_1").rows == 100
        assert size_of("sized").bytes == size_of("sized_1").bytes + size_of("sized_2").bytes

    def test_knows_every_table_of_the_application(self):
        assert connection.introspection.table_names() != []
        assert set(connection.introspection.table_names()) <= set(read_sizes(connection=connection))
