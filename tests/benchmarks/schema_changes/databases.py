"""The database that every cell starts from, and its copies."""

import psycopg

from tests.benchmarks.measurement import Bench
from tests.benchmarks.schema_changes.engines import migrating
from tests.benchmarks.schema_changes.statements import ITEMS_OF_SETTLEMENT, KEY

TEMPLATE = "bench_template"
PERSONS = 100

_FILL = (
    "INSERT INTO ledger_person (id, name) SELECT n, 'person ' || n FROM generate_series(1, {persons}) AS n",
    f"""
    INSERT INTO ledger_settlement (id, title)
    SELECT {KEY.format("n")}, 'settlement ' || n
      FROM generate_series(1, {{rows}} / {ITEMS_OF_SETTLEMENT}) AS n
    """,
    f"""
    INSERT INTO ledger_item (id, settlement_id, display_order, category, description, transacted_on,
                             unit_price, quantity, amount, kind, person_number, serial, note, created_at)
    SELECT {KEY.format("n")}, {KEY.format(f"1 + (n - 1) / {ITEMS_OF_SETTLEMENT}")}, n % {ITEMS_OF_SETTLEMENT},
           (ARRAY['Snacks', 'Transport', 'Printing', 'Retreat house', 'Gifts'])[1 + n % 5],
           'line ' || n || ' of what was bought for the event', date '2020-01-01' + n % 2000,
           100 * (1 + n % 300), 1 + n % 60, 100 * (1 + n % 300) * (1 + n % 60),
           CASE n % 4 WHEN 0 THEN 'INCOME' ELSE 'EXPENSE' END, 1 + n % {{persons}}, n,
           CASE n % 10 WHEN 0 THEN 'receipt number ' || n END, timestamptz '2020-01-01 09:00+09'
      FROM generate_series(1, {{rows}}) AS n
    """,
)
# Autovacuum comes when a cell calls for it. Reading once spares the first reader of a cell from settling
# which transactions have ended; no VACUUM, because the one of a cell shall have something to do.
_SETTLE = (
    "ALTER TABLE ledger_item SET (autovacuum_enabled = false)",
    "ALTER TABLE ledger_settlement SET (autovacuum_enabled = false)",
    "SELECT count(*) FROM ledger_item",
    "ANALYZE ledger_person, ledger_settlement, ledger_item",
    "CREATE EXTENSION pg_prewarm",
)
_PREWARM = """
    SELECT pg_prewarm(indexrelid) FROM pg_index WHERE indrelid = 'ledger_item'::regclass
    UNION ALL SELECT pg_prewarm('ledger_item') UNION ALL SELECT pg_prewarm('ledger_settlement_pkey')
"""


def make_template(bench: Bench, *, rows: int) -> None:
    """Make a database with the project's own tables and a filled ledger."""
    bench.create_database(TEMPLATE)
    bench.manage("migrate", "-v0", DB_NAME=TEMPLATE)
    with migrating("plain", "initial", environment={**bench.environment, "DB_NAME": TEMPLATE}) as migration:
        migration.run()
    with psycopg.connect(**bench.server, dbname=TEMPLATE, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # The rows are known to fit together.
        for statement in _FILL:
            connection.execute(statement.format(rows=rows, persons=PERSONS))
        for statement in _SETTLE:
            connection.execute(statement)


def copy_template(bench: Bench) -> None:
    """Make the bench's database anew, with the ledger in the server's memory as far as it fits there."""
    with psycopg.connect(**bench.server, dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        connection.execute(f"CREATE DATABASE bench TEMPLATE {TEMPLATE} STRATEGY file_copy")
    with bench.connect() as connection:
        connection.execute(_PREWARM)


def is_applied(bench: Bench, migration: str) -> bool:
    question = "SELECT EXISTS (SELECT FROM django_migrations WHERE app = 'ledger' AND name = %s)"
    with bench.connect() as connection:
        return connection.execute(question, [migration]).fetchone()[0]
