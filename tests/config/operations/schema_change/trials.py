"""What tests of schema changes do with the app trial."""

import pytest
from django.db import connection

from config.operations.schema_change.execution import MigrationFailed, run_plan
from config.operations.schema_change.planning import read_plan
from config.operations.schema_change.sizes import TableSize

LARGE = TableSize(rows=1_000_000, bytes=0)
ROWS = 10

MEMBERS = """
    migrations.CreateModel(
        "Group", [("id", BigAutoField(primary_key=True)), ("code", TextField(unique=True))]
    ),
    migrations.CreateModel(
        "Member",
        [
            ("id", BigAutoField(primary_key=True)),
            ("name", CharField(max_length=50)),
            ("age", IntegerField()),
            ("note", TextField(null=True)),
            ("other", BigIntegerField(null=True)),
            ("filled", BigIntegerField(null=True)),
        ],
    ),
"""


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else None


def plan_for(target=None, *, large=("trial_member",)):
    sizes = dict.fromkeys(large, LARGE)
    targets = [("trial", target)] if target != "newest" else None
    return read_plan(connection=connection, targets=targets, sizes=sizes)


def migrate(target, *, large=("trial_member",), **options):
    return run_plan(connection=connection, plan=plan_for(target, large=large), **options)


def fill():
    execute("INSERT INTO trial_group (code) VALUES ('a'), ('b')")
    execute(
        "INSERT INTO trial_member (name, age, note, other, filled)"
        f" SELECT 'member ' || n, n, nullif(n, 3)::text, 1, n FROM generate_series(1, {ROWS}) AS n"
    )


def applied():
    return [name for (name,) in execute("SELECT name FROM django_migrations WHERE app = 'trial' ORDER BY id")]


def leftovers():
    """Return what an interrupted migration might leave: invalid indexes and constraints, unfinished steps."""
    return (
        execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        + execute("SELECT conname FROM pg_constraint WHERE NOT convalidated OR conname LIKE 'not_null_%'")
        + execute("SELECT step FROM unfinished_steps")
    )


def shape(table="trial_member"):
    """Return what the catalogue says of a table, in a form that two ways of making it can be compared in."""
    return (
        execute(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)"
            "  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname",
            table,
        ),
        execute(
            "SELECT conname, pg_get_constraintdef(oid), convalidated, condeferrable, condeferred"
            "  FROM pg_constraint WHERE conrelid = %s::regclass ORDER BY conname",
            table,
        ),
        execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s ORDER BY indexname", table),
    )


class Interrupted(Exception):
    pass


class Onlooker:
    """Remembers the statements it sees; at the `at`-th it does something."""

    def __init__(self, act=lambda connection: None, *, at=1):
        self._act = act
        self._at = at
        self.seen = []
        self.outcomes = []

    def statement(self, connection, migration, sql):
        self.seen.append(sql)
        if len(self.seen) == self._at:
            self._act(connection)

    def migration(self, outcome):
        self.outcomes.append(outcome)


def interrupt(connection):
    raise Interrupted


def killing(sessions):
    """Return a function that ends the session of the migration, as an administrator would."""
    killer = sessions.open("killer", autocommit=True)
    return lambda connection: killer.execute(
        "SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid]
    )


def finished_after_interruptions(trial, operations, *, act):
    """Interrupt a migration after each of its statements in turn, and finish it by running it again.

    Yield the number of the statement, what came of it, and what came of the migration uninterrupted.
    """
    trial.write("0002_change", operations)
    onlooker = Onlooker()
    rows = execute("TABLE trial_member")
    migrate("0002_change", observer=onlooker)
    expected = outcome()
    for number in range(1, len(onlooker.seen) + 1):
        migrate("0001_members")
        restore_rows(rows)
        with pytest.raises(MigrationFailed):
            migrate("0002_change", observer=Onlooker(act, at=number))
        migrate("0002_change", large=())
        yield number, outcome(), expected


def restore_rows(rows):
    """Take back what reverting leaves changed: the rows of a column that was filled."""
    execute("TRUNCATE trial_member")
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO trial_member VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)


def outcome():
    table = execute("SELECT to_jsonb(member) FROM trial_member AS member ORDER BY id")
    return shape(), leftovers(), table
