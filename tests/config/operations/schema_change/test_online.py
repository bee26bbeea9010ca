"""Migrations of large tables, step by step: what each statement becomes, and what an interruption leaves."""

import contextlib
import os
import signal

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
    finished_after_interruptions,
    interrupt,
    killing,
    leftovers,
    migrate,
    plan_for,
    shape,
)

# Words that tell how an operation has run, and the operation; all of them fit into one migration.
CHANGES = {
    "AddIndex": (
        ["CREATE INDEX CONCURRENTLY"],
        'AddIndex("member", Index(fields=["name"], name="trial_name"))',
    ),
    "UniqueConstraint with a condition": (
        ["CREATE UNIQUE INDEX CONCURRENTLY"],
        'AddConstraint("member", UniqueConstraint(fields=["name"], condition=Q(age__gt=0), name="trial_if"))',
    ),
    "UniqueConstraint": (
        ["CREATE UNIQUE INDEX CONCURRENTLY", "UNIQUE USING INDEX"],
        'AddConstraint("member", UniqueConstraint(fields=["name", "age"], name="trial_unique",'
        " nulls_distinct=False, deferrable=Deferrable.DEFERRED))",
    ),
    "unique": (
        ["CREATE UNIQUE INDEX CONCURRENTLY", "UNIQUE USING INDEX", "CREATE INDEX CONCURRENTLY"],
        'AlterField("member", "name", CharField(max_length=50, unique=True))',
    ),
    "unique_together": (
        ["CREATE UNIQUE INDEX CONCURRENTLY", "UNIQUE USING INDEX"],
        'AlterUniqueTogether("member", {("name", "age")})',
    ),
    "CheckConstraint": (
        ["NOT VALID", "VALIDATE"],
        'AddConstraint("member", CheckConstraint(condition=Q(age__gt=0), name="trial_check"))',
    ),
    "NOT NULL": (
        ["NOT VALID", "VALIDATE", "SET NOT NULL", "DROP CONSTRAINT"],
        'AlterField("member", "filled", BigIntegerField())',
    ),
    "NOT NULL with a default": (
        ["SET DEFAULT", "UPDATE", "NOT VALID", "VALIDATE", "SET NOT NULL", "DROP DEFAULT"],
        'AlterField("member", "note", TextField(default="-"))',
    ),
    "ForeignKey of a column that is there": (
        ["CREATE INDEX CONCURRENTLY", "NOT VALID", "VALIDATE"],
        'AlterField("member", "other", ForeignKey("trial.group", CASCADE, null=True, db_column="other"))',
    ),
    "ForeignKey": (
        ["ADD COLUMN", "CREATE INDEX CONCURRENTLY"],
        'AddField("member", "group", ForeignKey("trial.group", CASCADE, null=True, related_name="+"))',
    ),
    "ForeignKey with a default": (
        ["ADD COLUMN", "DROP DEFAULT", "NOT VALID", "VALIDATE", "CREATE INDEX CONCURRENTLY"],
        'AddField("member", "home", ForeignKey("trial.group", CASCADE, default=1, related_name="+"))',
    ),
    "column with constraints": (
        ["ADD COLUMN", "NOT VALID", "VALIDATE", "CREATE UNIQUE INDEX CONCURRENTLY", "USING INDEX"],
        'AddField("member", "number", PositiveIntegerField(null=True, unique=True))',
    ),
    "OneToOneField": (
        ["ADD COLUMN", "CREATE UNIQUE INDEX CONCURRENTLY", "USING INDEX"],
        'AddField("member", "twin", OneToOneField("trial.member", CASCADE, null=True))',
    ),
}
ALL = "\n".join(f"migrations.{operation}," for _words, operation in CHANGES.values())
INDEX = f"migrations.{CHANGES['AddIndex'][1]},"
SEVERAL = f"""
    {INDEX}
    migrations.{CHANGES["CheckConstraint"][1]},
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
    def test_lead_to_the_same_schema_as_one_transaction(self, members):
        members.write("0002_change", ALL)
        before = shape()
        onlooker = Onlooker()

        [planned] = plan_for("0002_change").migrations
        [outcome] = migrate("0002_change", observer=onlooker)
        online = shape()
        nothing_left = leftovers()
        migrate("0001_members")
        reverted = shape()
        execute("UPDATE trial_member SET note = NULL WHERE note = '-'")
        migrate("0002_change", large=())

        assert outcome.way == planned.way == Way.ONLINE
        for (name, (words, _operation)), operation in zip(CHANGES.items(), planned.operations, strict=True):
            assert in_order(words, [statement.sql for statement in operation.statements]), name
        assert [sql for sql in onlooker.seen if not sql.startswith("UPDATE")] == [
            statement.sql for statement in planned.statements if not statement.sql.startswith("UPDATE")
        ]
        assert nothing_left == []
        assert reverted == before
        assert shape() == online

    def test_are_planned_so_that_nothing_large_is_read_under_a_strong_lock(self, members):
        members.write("0002_change", ALL)

        [planned] = plan_for("0002_change").migrations

        blocking = [
            statement.sql
            for statement in planned.statements
            if statement.scans
            and any(lock.mode.blocks_writes for lock in statement.locks if lock.table == "trial_member")
        ]
        assert blocking == []

    def test_know_a_large_table_by_its_new_name(self, members):
        members.write("0002_change", f'migrations.AlterModelTable("member", "trial_person"), {INDEX}')
        onlooker = Onlooker()

        [planned] = plan_for("0002_change").migrations
        migrate("0002_change", observer=onlooker)

        assert "CREATE INDEX CONCURRENTLY" in planned.statements[-1].sql
        assert [sql.split()[:3] for sql in onlooker.seen][-1] == ["CREATE", "INDEX", "CONCURRENTLY"]

    def test_are_taken_where_the_data_of_a_large_table_have_to_be_kept(self, members):
        members.write("0002_change", 'migrations.RemoveField("member", "note"),')

        assert [planned.way for planned in plan_for("0002_change").migrations] == [Way.ONLINE]
        assert [planned.way for planned in plan_for("0002_change", large=()).migrations] == [Way.ATOMIC]

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
        members.write("0002_change", INDEX)
        execute("ALTER TABLE unfinished_steps RENAME TO elsewhere")
        try:
            migrate("0002_change")
        finally:
            execute("ALTER TABLE elsewhere RENAME TO unfinished_steps")

        assert applied() == ["0001_members", "0002_change"]


class TestInterruption:
    def test_after_any_statement_is_made_good_by_running_again(self, members):
        for number, found, expected in finished_after_interruptions(members, SEVERAL, act=interrupt):
            assert found == expected, number

    def test_of_the_backend_is_made_good_by_running_again(self, members, sessions):
        for number, found, expected in finished_after_interruptions(members, INDEX, act=killing(sessions)):
            assert found == expected, number

    def test_says_how_far_it_came_and_records_that(self, members):
        members.write("0002_change", SEVERAL)

        with override("en"), pytest.raises(MigrationFailed) as failed:
            migrate("0002_change", observer=Onlooker(interrupt, at=2))

        assert "half done" in str(failed.value)
        assert "manage.py migrate_safely" in str(failed.value)
        assert isinstance(failed.value.__cause__, Interrupted)
        [run] = MigrationRun.objects.filter(migration="trial.0002_change")
        assert (run.result, run.way) == (Result.FAILED, Way.ONLINE)

    def test_refuses_to_go_on_with_another_file(self, members):
        members.write("0002_change", SEVERAL)
        with pytest.raises(MigrationFailed):
            migrate("0002_change", observer=Onlooker(interrupt, at=2))
        members.write("0002_change", f"migrations.{CHANGES['unique'][1]},")

        with override("en"), pytest.raises(MigrationFailed, match="Put the file back"):
            migrate("0002_change")

    def test_by_a_kill_while_an_index_is_built_finds_what_the_server_built_on_its_own(
        self, members, sessions
    ):
        members.write("0002_change", INDEX)
        snapshot = sessions.open("snapshot")
        snapshot.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
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
    return execute(
        "SELECT 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for old snapshots%'"
    )


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
                'AddConstraint("member", UniqueConstraint(Lower("name"), name="trial_u",'
                " condition=Q(age__gt=1)))",
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
                CHANGES["ForeignKey of a column that is there"][1],
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
        members.write("0002_change", INDEX)
        execute("CREATE INDEX trial_name ON trial_member (age)")

        for _attempt in range(2):
            with pytest.raises(MigrationFailed, match="trial_name"):
                migrate("0002_change")
        execute("DROP INDEX trial_name")
        migrate("0002_change")

        assert applied() == ["0001_members", "0002_change"]

    def test_drops_an_index_that_an_earlier_attempt_has_left_invalid(self, members):
        members.write("0002_change", INDEX)
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
