"""Small migrations, each as one transaction, beside real sessions of others."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import override

from config.migration_operations import unfinished
from config.migration_operations.blockers import ACCESS_EXCLUSIVE, find_holders
from config.operations.models import Deploy, Direction, MigrationRun, Result, Way
from config.operations.progress import Progress
from config.operations.schema_change.execution import (
    DumpRunning,
    MigrationFailed,
    PatienceEnded,
    StoppedHalfway,
    UnfinishedMigration,
)
from tests.config.operations.schema_change.trials import (
    MEMBERS,
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
from tests.config.operations.sessions import pid_of

ADD = """
    migrations.AddField("member", "mark", TextField(null=True)),
    migrations.AddIndex("member", Index(fields=["name"], name="trial_name")),
"""


@pytest.fixture
def members(trial):
    """The app with its tables, some rows, and a migration that is to come."""
    trial.write("0001_members", MEMBERS)
    migrate("0001_members")
    fill()
    trial.write("0002_change", ADD)
    return trial


class Told(Progress):
    """Calls somebody as soon as the command says that it waits."""

    def __init__(self, release):
        self._release = release
        self.sentences = []

    def step(self, sentence):
        self.sentences.append(sentence)
        if sentence.startswith("Waiting"):
            self._release()


def hold(sessions, *, old=True):
    """Return a session that reads the table in a transaction."""
    session = sessions.open("report")
    session.execute("SELECT FROM trial_member")
    while old and not find_holders(
        connection=connection, locks={"trial_member": ACCESS_EXCLUSIVE}, older_than_seconds=0.1
    ):
        pass
    return session


def small(target="0002_change", **options):
    return migrate(target, large=(), **options)


class TestRunPlan:
    def test_applies_and_reverts_what_plain_migrate_would(self, members):
        before = shape()
        [there] = small()
        ours = shape()
        [back] = small("0001_members")
        reverted = shape()
        call_command("migrate", "trial", database="default", verbosity=0)

        assert shape() == ours
        assert reverted == before
        assert (there.name, there.direction, there.way) == (
            "trial.0002_change",
            Direction.APPLY,
            Way.ATOMIC,
        )
        assert (back.direction, back.way) == (Direction.REVERT, Way.ATOMIC)

    def test_does_nothing_when_nothing_is_pending(self, members):
        small()

        assert small() == ()

    @pytest.mark.parametrize("number", [1, 2])
    def test_changes_nothing_when_a_statement_fails(self, members, number):
        before = shape()

        with override("en"), pytest.raises(MigrationFailed) as failed:
            small(observer=Onlooker(interrupt, at=number))

        assert shape() == before
        assert applied() == ["0001_members"]
        assert "nothing of it remains" in str(failed.value)
        assert "manage.py migrate_safely" in str(failed.value)

    def test_takes_back_the_rows_that_a_function_has_changed(self, members):
        members.write(
            "0002_change",
            """
            migrations.RunPython(lambda apps, editor: editor.execute("DELETE FROM trial_member")),
            migrations.RunSQL("SELECT 1 / 0"),
            """,
        )

        with override("en"), pytest.raises(MigrationFailed, match=r"Raw SQL operation.*\n.*division by zero"):
            small()

        assert execute("SELECT count(*) FROM trial_member") == [(10,)]

    def test_lets_the_schema_change_after_rows_in_one_migration(self, members):
        members.write(
            "0002_change",
            """
            migrations.AddField("member", "group", ForeignKey("trial.group", CASCADE, null=True)),
            migrations.RunSQL("UPDATE trial_member SET group_id = (SELECT min(id) FROM trial_group)"),
            migrations.AlterField("member", "group", ForeignKey("trial.group", CASCADE)),
            migrations.RunSQL("UPDATE trial_member SET group_id = (SELECT max(id) FROM trial_group)"),
            migrations.AddField("group", "mark", TextField(null=True)),
            """,
        )

        small()

        assert applied() == ["0001_members", "0002_change"]

    def test_goes_back_through_separate_states_and_sql(self, members):
        before = shape()
        members.write(
            "0002_change",
            """
            migrations.SeparateDatabaseAndState(
                [
                    migrations.RunSQL(
                        "ALTER TABLE trial_member ADD mark text", "ALTER TABLE trial_member DROP mark"
                    ),
                    migrations.AddIndex("member", Index(fields=["age"], name="trial_age")),
                ],
                [migrations.AddField("member", "mark", TextField(null=True))],
            ),
            """,
        )

        small()
        assert shape() != before
        small("0001_members")

        assert shape() == before

    def test_waits_for_an_old_transaction_without_queueing_behind_it(self, members, sessions):
        session = hold(sessions)
        told = Told(session.rollback)

        with override("en"):
            [outcome] = small(progress=told)

        assert outcome.attempts == 1
        assert outcome.waited_seconds > 0
        assert f"Waiting for process {pid_of(session)} of" in " ".join(told.sentences)

    def test_begins_again_when_a_function_does_not_get_its_lock(self, members, sessions):
        members.write(
            "0002_change",
            """
            migrations.RunPython(
                lambda apps, editor: editor.execute("INSERT INTO trial_group (code) VALUES ('new')")
            ),
            migrations.RunPython(lambda apps, editor: editor.execute("LOCK TABLE trial_member")),
            """,
        )
        session = hold(sessions)

        with override("en"):
            [outcome] = small(progress=Told(session.rollback))

        assert outcome.attempts == 2
        assert execute("SELECT count(*) FROM trial_group WHERE code = 'new'") == [(1,)]

    def test_names_the_blocker_when_its_patience_ends_and_leaves_everything(self, members, sessions):
        session = hold(sessions)
        before = shape()

        with override("en"), pytest.raises(PatienceEnded, match=f"process {pid_of(session)} of"):
            small(patience_seconds=0.2)

        assert shape() == before
        [run] = MigrationRun.objects.filter(migration="trial.0002_change")
        assert run.result == Result.FAILED
        assert "database_activity" in run.error

    def test_says_what_is_half_done_when_its_patience_ends_after_a_change(self, members, sessions):
        members.write("0002_change", 'migrations.AddField("group", "mark", TextField(null=True)),' + ADD)
        session = hold(sessions)

        with override("en"), pytest.raises(StoppedHalfway, match=r"0002_change is half done.*mark to member"):
            migrate("0002_change", patience_seconds=0.2)
        session.rollback()
        migrate("0002_change")

        assert applied() == ["0001_members", "0002_change"]

    def test_refuses_to_start_while_a_dump_is_running(self, members, sessions):
        dump = sessions.open("pg_dump")

        with override("en"), pytest.raises(DumpRunning, match=str(pid_of(dump))):
            small()

        assert applied() == ["0001_members"]

    def test_refuses_while_another_migration_is_half_done(self, members):
        unfinished.save(connection, "trial.0009_gone/REVERT/0", {})

        with override("en"), pytest.raises(UnfinishedMigration, match=r"0009_gone(.|\n)*manage.py revert"):
            small()

    def test_sends_the_signals_of_django(self, members):
        received = []

        def receive(sender, plan, **signal):
            if sender.label == "operations":
                received.append([(str(migration), backwards) for migration, backwards in plan])

        for signal in (pre_migrate, post_migrate):
            signal.connect(receive)
        try:
            small()
        finally:
            for signal in (pre_migrate, post_migrate):
                signal.disconnect(receive)

        assert received == [[("trial.0002_change", False)]] * 2

    def test_renames_the_content_type_of_a_model_with_it(self, members):
        ContentType.objects.create(app_label="trial", model="member")
        members.write("0002_change", 'migrations.RenameModel("Member", "Person"),')

        small()
        renamed = ContentType.objects.filter(app_label="trial").values_list("model", flat=True)
        names = set(renamed)
        small("0001_members")
        ContentType.objects.filter(app_label="trial").delete()

        assert "person" in names

    def test_marks_what_a_squashed_migration_replaces(self, members):
        members.remove("0002_change")
        members.write(
            "0003_squashed", ADD, attributes="replaces = [('trial', '0002_change'), ('trial', '0003_old')]"
        )

        small("0003_squashed")

        assert {"0002_change", "0003_old"} <= set(applied())

    def test_refuses_what_cannot_be_reversed(self, members):
        members.write("0002_change", 'migrations.RunSQL("SELECT 1"),')
        small()

        with pytest.raises(MigrationFailed, match="not reversible"):
            small("0001_members")

        assert applied() == ["0001_members", "0002_change"]

    def test_says_nothing_of_rows_when_it_fails(self, members):
        members.write(
            "0002_change",
            """
            migrations.RunSQL("UPDATE trial_member SET name = '김secret'"),
            migrations.AddConstraint("member", UniqueConstraint(fields=["name"], name="trial_unique")),
            migrations.RunSQL("SELECT name::integer FROM trial_member"),
            """,
        )
        with pytest.raises(MigrationFailed) as duplicate:
            small()
        members.write("0002_change", 'migrations.RunSQL("SELECT name::integer FROM trial_member"),')
        with pytest.raises(MigrationFailed) as not_a_number:
            small()

        said = str(duplicate.value) + str(not_a_number.value)
        recorded = "".join(MigrationRun.objects.values_list("error", flat=True))
        assert "trial_unique" in said
        assert "secret" not in said + recorded
        assert "member 1" not in said + recorded

    def test_shows_an_observer_each_statement_within_its_transaction(self, members):
        locked = []

        def look(connection):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT mode FROM pg_locks WHERE relation = 'trial_member'::regclass"
                    " AND pid = pg_backend_pid() ORDER BY mode"
                )
                locked.extend(mode for (mode,) in cursor.fetchall())

        onlooker = Onlooker(look)
        small(observer=onlooker)

        assert locked == [ACCESS_EXCLUSIVE]
        assert [sql.split()[0] for sql in onlooker.seen] == ["ALTER", "CREATE"]
        assert [outcome.name for outcome in onlooker.outcomes] == ["trial.0002_change"]

    def test_keeps_no_timeout_for_whoever_comes_after(self, members):
        before = execute("SHOW lock_timeout")

        small()

        assert execute("SHOW lock_timeout") == before


class TestRecord:
    def test_tells_what_ran_in_which_deploy_and_from_where_to_where(self, members):
        deploy = Deploy.objects.create(
            direction=Direction.APPLY, operator="lead", host="here", plan="0", applied_before=[]
        )
        small(deploy=deploy)

        run = MigrationRun.objects.get(migration="trial.0002_change")
        assert (run.deploy, run.result, run.way) == (deploy, Result.DONE, Way.ATOMIC)
        assert (run.previous, run.reached) == ("trial.0001_members", "trial.0002_change")
        assert run.seconds > 0

    def test_tells_of_a_failure(self, members):
        members.write("0002_change", 'migrations.RunSQL("SELECT 1 / 0"),')

        with pytest.raises(MigrationFailed):
            small()

        run = MigrationRun.objects.get(migration="trial.0002_change")
        assert (run.result, run.reached, run.error) == (
            Result.FAILED,
            "trial.0001_members",
            "division by zero",
        )

    def test_does_without_its_table(self, members):
        execute("ALTER TABLE migration_runs RENAME TO elsewhere")
        try:
            small()
        finally:
            execute("ALTER TABLE elsewhere RENAME TO migration_runs")

        assert applied() == ["0001_members", "0002_change"]

    def test_lets_nothing_fail_because_of_itself(self, members):
        execute("ALTER TABLE migration_runs ALTER host TYPE varchar(1) USING 'x'")
        try:
            small()
        finally:
            execute("ALTER TABLE migration_runs ALTER host TYPE varchar(255)")

        assert applied() == ["0001_members", "0002_change"]


def test_nothing_is_left(members):
    small()

    assert leftovers() == []
    assert plan_for("0002_change").migrations == ()
