"""Migrations of large tables, step by step: what each statement becomes, and what an interruption leaves."""

import contextlib
import os
import signal
from types import MappingProxyType

import psycopg
import pytest
from django.db import connection
from django.utils.translation import override

from config.migration_operations import unfinished
from config.operations.models import MigrationRun, Result, Way
from config.operations.schema_change.execution import MigrationFailed, PatienceEnded
from config.operations.schema_change.schema_editor import chosen_name
from tests.config.operations.schema_change.trials import (
    MEMBERS,
    Interrupted,
    Onlooker,
    applied,
    execute,
    fill,
    interrupt,
    leftovers,
    migrate,
    plan_for,
    shape,
)

# An operation, and words that tell how it has run.
CHANGES = MappingProxyType(
    {
        "index": (
            'AddIndex("member", Index(fields=["name"], name="trial_name"))',
            ("CREATE INDEX CONCURRENTLY",),
        ),
        "unique index": (
            'AddConstraint("member", UniqueConstraint(fields=["name"], condition=Q(age__gt=0), name="trial_u"))',
            ("CREATE UNIQUE INDEX CONCURRENTLY",),
        ),
        "unique": (
            'AddConstraint("member", UniqueConstraint(fields=["name", "age"], name="trial_u",'
            " nulls_distinct=False, deferrable=Deferrable.DEFERRED))",
            ("CREATE UNIQUE INDEX CONCURRENTLY", "UNIQUE USING INDEX"),
        ),
        "unique field": (
            'AlterField("member", "name", CharField(max_length=50, unique=True))',
            ("CREATE UNIQUE INDEX CONCURRENTLY", "UNIQUE USING INDEX", "CREATE INDEX CONCURRENTLY"),
        ),
        "unique together": (
            'AlterUniqueTogether("member", {("name", "age")})',
            ("CREATE UNIQUE INDEX CONCURRENTLY", "UNIQUE USING INDEX"),
        ),
        "check": (
            'AddConstraint("member", CheckConstraint(condition=Q(age__gt=0), name="trial_c"))',
            ("NOT VALID", "VALIDATE"),
        ),
        "not null": (
            'AlterField("member", "other", BigIntegerField())',
            ("NOT VALID", "VALIDATE", "SET NOT NULL", "DROP CONSTRAINT"),
        ),
        "not null with a default": (
            'AlterField("member", "note", CharField(max_length=99, default="-"))',
            ("SET DEFAULT", "UPDATE", "NOT VALID", "VALIDATE", "SET NOT NULL", "DROP DEFAULT"),
        ),
        "foreign key of a column": (
            'AlterField("member", "other", ForeignKey("trial.group", CASCADE, null=True, db_column="other"))',
            ("CREATE INDEX CONCURRENTLY", "NOT VALID", "VALIDATE"),
        ),
        "foreign key": (
            'AddField("member", "group", ForeignKey("trial.group", CASCADE, null=True))',
            ("ADD COLUMN", "CREATE INDEX CONCURRENTLY"),
        ),
        "foreign key with a default": (
            'AddField("member", "group", ForeignKey("trial.group", CASCADE, default=1))',
            ("ADD COLUMN", "DROP DEFAULT", "NOT VALID", "VALIDATE", "CREATE INDEX CONCURRENTLY"),
        ),
        "column with constraints": (
            'AddField("member", "number", PositiveIntegerField(null=True, unique=True))',
            ("ADD COLUMN", "NOT VALID", "VALIDATE", "CREATE UNIQUE INDEX CONCURRENTLY", "USING INDEX"),
        ),
        "one to one": (
            'AddField("member", "twin", OneToOneField("trial.member", CASCADE, null=True))',
            ("ADD COLUMN", "CREATE UNIQUE INDEX CONCURRENTLY", "USING INDEX"),
        ),
    }
)
SEVERAL = f"""
    migrations.{CHANGES["not null with a default"][0]},
    migrations.{CHANGES["unique"][0]},
    migrations.RunSQL("UPDATE trial_member SET age = age + 1", "UPDATE trial_member SET age = age - 1"),
"""


@pytest.fixture
def members(trial):
    trial.write("0001_members", MEMBERS)
    migrate("0001_members")
    fill()
    return trial


def in_order(words, statements):
    """Tell whether each of the words is in a statement of its own, one after the other."""
    remaining = iter(statements)
    return all(any(word in sql for sql in remaining) for word in words)


class TestSteps:
    @pytest.mark.parametrize("change", CHANGES)
    def test_lead_to_the_same_schema_as_one_transaction(self, members, change):
        operation, words = CHANGES[change]
        members.write("0002_change", f"migrations.{operation},")
        before = shape()
        onlooker = Onlooker()

        planned = plan_for("0002_change").migrations[0]
        [outcome] = migrate("0002_change", observer=onlooker)
        online = shape()
        nothing_left = leftovers()
        migrate("0001_members")
        reverted = shape()
        migrate("0002_change", large=())

        assert outcome.way == planned.way == Way.ONLINE
        assert in_order(words, onlooker.seen), onlooker.seen
        assert in_order(words, [statement.sql for statement in planned.statements])
        assert nothing_left == []
        assert reverted == before
        assert shape() == online

    def test_are_planned_so_that_nothing_large_is_read_under_a_strong_lock(self, members):
        members.write(
            "0002_change", "\n".join(f"migrations.{operation}," for operation, _words in all_at_once())
        )

        [planned] = plan_for("0002_change").migrations

        blocking = [
            statement.sql
            for statement in planned.statements
            if statement.scans
            and any(lock.mode.blocks_writes for lock in statement.locks if lock.table == "trial_member")
        ]
        assert blocking == []

    def test_work_when_a_migration_is_reverted(self, members):
        members.write(
            "0002_change",
            """
            migrations.RemoveField("member", "other"),
            migrations.AlterField("member", "age", IntegerField(null=True)),
            """,
        )
        before = shape()
        migrate("0002_change")
        execute("UPDATE trial_member SET age = 1")
        onlooker = Onlooker()

        [outcome] = migrate("0001_members", observer=onlooker)

        assert outcome.way == Way.ONLINE
        assert in_order(["NOT VALID", "VALIDATE", "SET NOT NULL"], onlooker.seen)
        assert shape() == before

    def test_are_taken_for_every_migration_that_wants_no_transaction(self, members):
        members.write(
            "0002_change",
            """
            AddIndexConcurrently("member", Index(fields=["name"], name="trial_name")),
            migrations.RunSQL("DROP INDEX CONCURRENTLY trial_name", "SELECT 1"),
            RunsAlone(),
            """,
            attributes="atomic = False",
            before="class RunsAlone(migrations.operations.base.Operation):\n"
            "    def state_forwards(self, *given): pass\n"
            "    def database_forwards(self, label, editor, *states):\n"
            "        assert not editor.connection.in_atomic_block\n",
        )

        [outcome] = migrate("0002_change", large=())

        assert outcome.way == Way.ONLINE
        assert applied() == ["0001_members", "0002_change"]

    def test_remember_nothing_before_there_is_a_table_for_it(self, members):
        members.write("0002_change", f"migrations.{CHANGES['unique'][0]},")
        execute("ALTER TABLE unfinished_steps RENAME TO elsewhere")
        try:
            migrate("0002_change")
        finally:
            execute("ALTER TABLE elsewhere RENAME TO unfinished_steps")

        assert applied() == ["0001_members", "0002_change"]


def all_at_once():
    """Return changes that do not exclude one another."""
    return [
        CHANGES[name] for name in ("index", "check", "not null with a default", "column with constraints")
    ]


def interrupted_at_each_statement(members, *, act):
    """Interrupt the migration after each of its statements in turn, and finish it; yield what came of it."""
    members.write("0002_change", SEVERAL)
    onlooker = Onlooker()
    migrate("0002_change", observer=onlooker)
    expected, rows = shape(), execute("SELECT sum(age) FROM trial_member")
    migrate("0001_members")
    for number in range(1, len(onlooker.seen) + 1):
        with pytest.raises(MigrationFailed):
            migrate("0002_change", observer=Onlooker(act, at=number))
        migrate("0002_change", large=())
        yield (
            number,
            (shape(), leftovers(), execute("SELECT sum(age) FROM trial_member")),
            (expected, [], rows),
        )
        migrate("0001_members")
        execute("UPDATE trial_member SET note = NULL WHERE note = '-'")


class TestInterruption:
    def test_after_any_statement_is_made_good_by_running_again(self, members):
        for number, found, expected in interrupted_at_each_statement(members, act=interrupt):
            assert found == expected, number

    def test_of_the_backend_is_made_good_by_running_again(self, members, sessions):
        killer = sessions.open("killer", autocommit=True)

        def kill(connection):
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])

        for number, found, expected in interrupted_at_each_statement(members, act=kill):
            assert found == expected, number

    def test_says_how_far_it_came_and_records_that(self, members):
        members.write("0002_change", SEVERAL)

        with override("en"), pytest.raises(MigrationFailed) as failed:
            migrate("0002_change", observer=Onlooker(lambda _connection: interrupt(None), at=8))

        assert "half done" in str(failed.value)
        assert "manage.py migrate_safely" in str(failed.value)
        assert isinstance(failed.value.__cause__, Interrupted)
        [run] = MigrationRun.objects.filter(migration="trial.0002_change")
        assert (run.result, run.way) == (Result.FAILED, Way.ONLINE)

    def test_refuses_to_go_on_with_another_file(self, members):
        members.write("0002_change", SEVERAL)
        with pytest.raises(MigrationFailed):
            migrate("0002_change", observer=Onlooker(interrupt, at=2))
        members.write("0002_change", f"migrations.{CHANGES['index'][0]},")

        with override("en"), pytest.raises(MigrationFailed, match="Put the file back"):
            migrate("0002_change")

    def test_by_a_kill_while_an_index_is_built_finds_what_the_server_built_on_its_own(
        self, members, sessions
    ):
        members.write("0002_change", f"migrations.{CHANGES['index'][0]},")
        snapshot = sessions.open("snapshot", isolation_level=psycopg.IsolationLevel.REPEATABLE_READ)
        snapshot.execute("SELECT 1")
        connection.close()
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                migrate("0002_change")
            os._exit(1)
        while not building():
            pass
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

        with pytest.raises(PatienceEnded, match="trial_name"):
            migrate("0002_change", patience_seconds=0.1)
        snapshot.rollback()
        migrate("0002_change")

        assert applied() == ["0001_members", "0002_change"]
        assert leftovers() == []


def building():
    return execute("SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for old snapshots%'")


class TestViolations:
    @pytest.mark.parametrize(
        ("operation", "spoil", "sentence", "mend"),
        [
            (
                'AddConstraint("member", UniqueConstraint(fields=["name"], name="trial_u"))',
                "UPDATE trial_member SET name = 'same' WHERE id <= 3",
                "3 rows of the table trial_member violate trial_u",
                "UPDATE trial_member SET name = id",
            ),
            (
                'AddConstraint("member", UniqueConstraint(Lower("name"), name="trial_u", condition=Q(age__gt=1)))',
                "UPDATE trial_member SET name = 'same' WHERE id <= 3",
                "2 rows of the table trial_member violate trial_u",
                "UPDATE trial_member SET name = id",
            ),
            (
                'AddConstraint("member", CheckConstraint(condition=Q(age__gt=1), name="trial_c"))',
                "SELECT 1",
                "1 row of the table trial_member violates trial_c (age > 1)",
                "UPDATE trial_member SET age = 2",
            ),
            (
                'AlterField("member", "note", TextField())',
                "SELECT 1",
                "1 row of the table trial_member violates not_null",
                "UPDATE trial_member SET note = '-'",
            ),
            (
                'AlterField("member", "other", ForeignKey("trial.group", CASCADE, null=True, db_column="other"))',
                "UPDATE trial_member SET other = 99 WHERE id < 5",
                "4 rows of the table trial_member violate trial_member_other",
                "UPDATE trial_member SET other = NULL",
            ),
        ],
        ids=["unique", "unique expression", "check", "not null", "foreign key"],
    )
    def test_are_counted_cleaned_up_and_can_be_mended(self, members, operation, spoil, sentence, mend):
        members.write("0002_change", f"migrations.{operation},")
        execute(spoil)

        with override("en"), pytest.raises(MigrationFailed) as failed:
            migrate("0002_change")
        left = [each for each in leftovers() if each != ("trial.0002_change/APPLY/0",)]
        execute(mend)
        migrate("0002_change")

        assert sentence in str(failed.value)
        assert "same" not in str(failed.value)
        assert left == []
        assert leftovers() == []

    def test_of_a_name_that_is_taken_do_not_take_the_index_of_another(self, members):
        members.write("0002_change", f"migrations.{CHANGES['index'][0]},")
        execute("CREATE INDEX trial_name ON trial_member (age)")

        for _attempt in range(2):
            with pytest.raises(MigrationFailed, match="trial_name"):
                migrate("0002_change")
        execute("DROP INDEX trial_name")
        migrate("0002_change")

        assert applied() == ["0001_members", "0002_change"]

    def test_drops_an_index_that_an_earlier_attempt_has_left_invalid(self, members):
        members.write("0002_change", f"migrations.{CHANGES['index'][0]},")
        with pytest.raises(MigrationFailed):
            migrate("0002_change", observer=Onlooker(interrupt))
        execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'trial_name'::regclass")

        migrate("0002_change")

        assert leftovers() == []


class Keeper:
    """Keeps a column aside before it is dropped, and remembers what it was asked."""

    def __init__(self, *, replaces=False):
        self._replaces = replaces
        self.calls = []

    def concerns(self, context):
        return type(context.operation).__name__ == "RemoveField"

    def prepare(self, context):
        self.calls.append(("prepare", context.position, connection.in_atomic_block))

    def replace(self, context):
        self.calls.append(("replace", context.migration, connection.in_atomic_block))
        execute("CREATE TABLE trial_kept AS SELECT id, note FROM trial_member")
        return self._replaces

    def complete(self, context):
        self.calls.append(("complete", context.direction.value, connection.in_atomic_block))


class TestKeeper:
    def test_works_around_its_operation_in_one_transaction(self, members):
        members.write("0002_change", 'migrations.RemoveField("member", "note"),')
        keeper = Keeper()

        migrate("0002_change", large=(), keeper=keeper)

        assert keeper.calls == [
            ("prepare", 0, True),
            ("replace", "trial.0002_change", True),
            ("complete", "APPLY", True),
        ]
        assert execute("SELECT count(note) FROM trial_kept") == [(9,)]

    def test_prepares_and_completes_outside_of_it_where_there_are_steps(self, members):
        members.write("0002_change", 'migrations.RemoveField("member", "note"),', attributes="atomic = False")
        keeper = Keeper()

        migrate("0002_change", keeper=keeper)

        assert [in_transaction for *_call, in_transaction in keeper.calls] == [False, True, False]
        assert "note" not in str(shape())

    @pytest.mark.parametrize("attributes", ["", "atomic = False"])
    def test_may_do_the_work_of_the_operation(self, members, attributes):
        members.write("0002_change", 'migrations.RemoveField("member", "note"),', attributes=attributes)

        migrate("0002_change", keeper=Keeper(replaces=True))

        assert "note" in str(shape())
        assert applied() == ["0001_members", "0002_change"]

    def test_is_not_asked_twice_for_what_it_has_kept(self, members):
        members.write(
            "0002_change",
            'migrations.RemoveField("member", "note"), migrations.RunSQL("SELECT 1 / 0"),',
            attributes="atomic = False",
        )
        keeper = Keeper()
        for _attempt in range(2):
            with pytest.raises(MigrationFailed):
                migrate("0002_change", keeper=keeper)

        assert [name for name, *_call in keeper.calls] == ["prepare", "replace", "complete"]
        assert unfinished.load(connection, "trial.0002_change/APPLY/0")["completed"] is True


@pytest.mark.parametrize(
    ("table", "column"), [("t", "c"), ("t" * 70, "c"), ("t" * 40, "c" * 40), ("행사" * 7, "결산" * 6)]
)
def test_names_constraints_as_postgresql_does(members, table, column):
    table = table.encode()[:63].decode(errors="ignore")
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TEMPORARY TABLE "{table}" ("{column}" integer UNIQUE CHECK ("{column}" > 0))')
        cursor.execute(
            f"SELECT conname FROM pg_constraint WHERE conrelid = '\"{table}\"'::regclass ORDER BY contype"
        )
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute(f'DROP TABLE "{table}"')

    assert names == [chosen_name(table, column, "check"), chosen_name(table, column, "key")]
