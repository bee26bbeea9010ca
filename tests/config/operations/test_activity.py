import dataclasses
import datetime

import psycopg
import pytest
from django.db import connection, connections, transaction

from config.cluster import SCRATCH, Cluster, remove_cluster, start_cluster
from config.operations import session_end
from config.operations.activity import Lock, read_activity
from config.operations.activity_report import report
from config.operations.lock_tree import lock_tree
from config.operations.session_end import NotConfirmed, UnableToEnd, end_session
from tests.config import servers
from tests.config.operations.sessions import TABLE, Sessions, pid_of, sessions_with_table, shape


@pytest.fixture
def database(django_db_setup, django_db_blocker):
    """The test database without a transaction around the test, and for every alias."""
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.fixture
def sessions(database):
    with sessions_with_table() as opened:
        yield opened


@pytest.fixture
def observer(database):
    """The alias of a role that may connect, and nothing else."""
    with servers.role(f"{connection.settings_dict['NAME']}_observer") as name:
        connections.settings["observer"] = {
            **connections.settings["default"],
            "USER": name,
            "PASSWORD": servers.PASSWORD,
        }
        yield "observer"
        connections["observer"].close()
        del connections["observer"]
        del connections.settings["observer"]


@pytest.fixture
def sessions_with_prepared_transactions(database, tmp_path):
    """Sessions of a server that has them; most have not, ours among them."""
    settings = {**SCRATCH.settings, "max_prepared_transactions": "2"}
    cluster = Cluster(profile=dataclasses.replace(SCRATCH, settings=settings), folder=tmp_path / "postgres")
    start_cluster(cluster=cluster, database="parish")
    connections.settings["scratch"] = {
        **connections.settings["default"],
        "HOST": str(cluster.socket_directory),
        "PORT": cluster.port,
        "USER": cluster.user,
        "NAME": "parish",
        "PASSWORD": "",
        "OPTIONS": {"passfile": str(cluster.password_file)},
    }
    elsewhere = Sessions(alias="scratch")
    yield elsewhere
    elsewhere.close()
    connections["scratch"].close()
    del connections["scratch"]
    del connections.settings["scratch"]
    remove_cluster(cluster=cluster)


def find(activity, session):
    return next(found for found in activity.sessions if found.pid == pid_of(session))


def text(activity, width=80):
    return "\n".join(line.text for line in report(activity=activity, width=width))


def columns(line):
    return sum(2 if "가" <= character <= "힣" else 1 for character in line)


class TestReadActivity:
    def test_finds_nothing_wrong_with_a_quiet_database(self, sessions):
        idle = sessions.open("quiet", autocommit=True)

        activity = read_activity()

        assert [session.pid for session in activity.sessions] == [pid_of(idle)]
        assert activity.is_healthy
        assert activity.database == connection.settings_dict["NAME"]

    def test_leaves_out_other_databases_and_itself(self, sessions):
        sessions.open("elsewhere", dbname="postgres")

        assert read_activity().sessions == ()

    def test_tells_who_a_session_is_and_which_locks_it_holds(self, sessions):
        holder = sessions.open("gunicorn")
        holder.execute(f"UPDATE {TABLE} SET name = '김요한' WHERE id = 1")

        found = find(read_activity(), holder)

        assert (found.user, found.application, found.client) == (
            connection.settings_dict["USER"],
            "gunicorn",
            "",
        )
        assert found.state == "idle in transaction"
        assert found.statement == f"UPDATE {TABLE} SET name = '…' WHERE id = …"
        assert found.locks == (Lock(mode="RowExclusiveLock", kind="relation", table=TABLE),)
        assert found.connected_at < found.transaction_started_at <= found.statement_started_at

    def test_tells_which_lock_on_which_table_is_waited_for(self, sessions):
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"LOCK {TABLE} IN SHARE MODE")
        sessions.start(waiter, f"ALTER TABLE {TABLE} ADD COLUMN note text")

        activity = sessions.until_blocked(waiter)

        wait = find(activity, waiter).wait
        assert wait.lock == Lock(mode="AccessExclusiveLock", kind="relation", table=TABLE)
        assert wait.blocked_by == (pid_of(holder),)
        assert not activity.is_healthy

    def test_names_the_table_of_a_row_that_is_waited_for(self, sessions):
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"UPDATE {TABLE} SET name = 'mine' WHERE id = 1")
        sessions.start(waiter, f"UPDATE {TABLE} SET name = 'mine' WHERE id = 1")

        activity = sessions.until_blocked(waiter)

        lock = find(activity, waiter).wait.lock
        assert (lock.kind, lock.table) == ("transactionid", TABLE)

    def test_shows_advisory_locks(self, sessions):
        holder, waiter = sessions.open("holder", autocommit=True), sessions.open("waiter")
        holder.execute("SELECT pg_advisory_lock(5)")
        sessions.start(waiter, "SELECT pg_advisory_lock(5)")

        activity = sessions.until_blocked(waiter)

        assert [lock.kind for lock in find(activity, holder).locks] == ["advisory"]
        assert find(activity, waiter).wait.lock.kind == "advisory"

    def test_calls_an_active_session_long_running_when_its_transaction_is_older_than_the_limit(
        self, sessions
    ):
        session = sessions.open("slow")
        sessions.start(session, "SELECT pg_sleep(1000)")

        activity = sessions.until(lambda activity: activity.long_running, longer_than_seconds=0)

        assert [found.pid for found in activity.long_running] == [pid_of(session)]
        assert not activity.is_healthy
        assert read_activity(longer_than_seconds=1000).is_healthy

    def test_shows_every_idle_transaction_but_minds_only_the_old_ones(self, sessions):
        session = sessions.open("forgotten")
        session.execute("SELECT 1")

        young, old = read_activity(longer_than_seconds=1000), read_activity(longer_than_seconds=0)

        assert [found.pid for found in young.idle_transactions] == [pid_of(session)]
        assert young.is_healthy
        assert not old.is_healthy

    def test_shows_an_idle_transaction_that_has_failed(self, sessions):
        session = sessions.open("failed")
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.execute("SELECT 1 / 0")

        assert read_activity().idle_transactions[0].state == "idle in transaction (aborted)"

    def test_looks_anew_within_a_transaction(self, sessions):
        with transaction.atomic():
            before = read_activity()
            sessions.open("new")
            after = read_activity()

        assert len(after.sessions) == len(before.sessions) + 1

    def test_does_not_lengthen_the_lock_timeout_of_its_caller(self, sessions):
        read_activity()

        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)

    def test_says_what_it_may_not_see(self, sessions, observer):
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"LOCK {TABLE}")
        sessions.start(waiter, f"SELECT * FROM {TABLE}")
        sessions.until_blocked(waiter)

        activity = read_activity(alias=observer)

        assert {session.pid for session in activity.hidden} >= {pid_of(holder), pid_of(waiter)}
        assert shape(lock_tree(sessions=activity.sessions)) == {pid_of(holder): {pid_of(waiter): {}}}
        assert f'GRANT pg_read_all_stats TO "{connections[observer].settings_dict["USER"]}"' in text(activity)

    def test_shows_prepared_transactions_and_who_waits_for_them(self, sessions_with_prepared_transactions):
        elsewhere = sessions_with_prepared_transactions
        owner, waiter = elsewhere.open("owner", autocommit=True), elsewhere.open("waiter")
        owner.execute("CREATE TABLE items (id integer)")
        owner.execute("BEGIN; LOCK items; PREPARE TRANSACTION 'it''s one'")
        elsewhere.start(waiter, "SELECT * FROM items")

        activity = elsewhere.until_blocked(waiter)

        assert [prepared.identifier for prepared in activity.prepared] == ["it's one"]
        assert shape(lock_tree(sessions=activity.sessions)) == {0: {pid_of(waiter): {}}}
        assert "ROLLBACK PREPARED 'it''s one'" in text(activity)

    def test_minds_a_prepared_transaction_that_is_older_than_the_limit(
        self, sessions_with_prepared_transactions
    ):
        elsewhere = sessions_with_prepared_transactions
        owner = elsewhere.open("owner", autocommit=True)
        owner.execute("BEGIN; CREATE TABLE items (); PREPARE TRANSACTION 'forgotten'")

        assert read_activity(alias=elsewhere.alias, longer_than_seconds=1000).is_healthy
        assert not read_activity(alias=elsewhere.alias, longer_than_seconds=0).is_healthy


class TestLockTree:
    def test_draws_a_chain(self, sessions):
        reader, migration, visitor = (sessions.open(name) for name in ("reader", "migration", "visitor"))
        reader.execute(f"SELECT * FROM {TABLE}")
        sessions.start(migration, f"ALTER TABLE {TABLE} ADD COLUMN note text")
        sessions.until_blocked(migration)
        sessions.start(visitor, f"SELECT * FROM {TABLE}")

        activity = sessions.until_blocked(migration, visitor)

        assert shape(lock_tree(sessions=activity.sessions)) == {
            pid_of(reader): {pid_of(migration): {pid_of(visitor): {}}}
        }

    def test_draws_a_fan_although_those_in_a_queue_wait_for_each_other(self, sessions):
        holder = sessions.open("holder")
        waiters = [sessions.open(f"waiter {letter}") for letter in "abc"]
        holder.execute(f"LOCK {TABLE}")
        for waiter in waiters:
            sessions.start(waiter, f"LOCK {TABLE}")
            sessions.until_blocked(waiter)

        activity = sessions.until_blocked(*waiters)

        assert max(len(session.blocked_by) for session in activity.blocked) == 3
        assert shape(lock_tree(sessions=activity.sessions)) == {
            pid_of(holder): {pid_of(waiter): {} for waiter in waiters}
        }

    def test_recognizes_a_deadlock_in_the_making(self, sessions):
        # Otherwise the server would end it while we look.
        one, two = (sessions.open(name, options="-c deadlock_timeout=1h") for name in ("one", "two"))
        one.execute(f"UPDATE {TABLE} SET name = 'one' WHERE id = 1")
        two.execute(f"UPDATE {TABLE} SET name = 'two' WHERE id = 2")
        sessions.start(one, f"UPDATE {TABLE} SET name = 'one' WHERE id = 2")
        sessions.start(two, f"UPDATE {TABLE} SET name = 'two' WHERE id = 1")

        activity = sessions.until_blocked(one, two)

        [root] = lock_tree(sessions=activity.sessions)
        assert {root.pid, root.waiters[0].pid} == {pid_of(one), pid_of(two)}
        assert root.in_circle
        assert root.waiters[0].in_circle
        assert text(activity).count("↺") == 2


class TestEndSession:
    def test_ends_a_session_and_those_who_waited_go_on(self, sessions):
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"LOCK {TABLE}")
        sessions.start(waiter, f"SELECT * FROM {TABLE}")
        sessions.until_blocked(waiter)

        ending = end_session(pid=pid_of(holder), only_statement=False, confirm=lambda session: True)

        assert ending.ended
        assert [session.pid for session in read_activity().sessions] == [pid_of(waiter)]
        sessions.until(lambda activity: not activity.blocked)

    def test_cancels_a_statement_and_leaves_the_session(self, sessions):
        session = sessions.open("slow")
        sessions.start(session, "SELECT pg_sleep(1000)")
        sessions.until(lambda activity: any(found.is_active for found in activity.sessions))

        ending = end_session(pid=pid_of(session), only_statement=True, confirm=lambda session: True)

        assert ending.ended
        assert find(read_activity(), session).state == "idle in transaction (aborted)"

    def test_shows_whom_it_would_end_and_takes_no_for_an_answer(self, sessions):
        session, asked = sessions.open("spared"), []

        with pytest.raises(NotConfirmed):
            end_session(pid=pid_of(session), only_statement=False, confirm=asked.append)

        assert [found.application for found in asked] == ["spared"]
        assert session.execute("SELECT 1").fetchone() == (1,)

    def test_says_when_a_statement_goes_on_although_it_was_cancelled(self, sessions):
        session = sessions.open("stubborn")
        sleep = "PERFORM pg_sleep(1000)"
        sessions.start(session, f"DO $$ BEGIN {sleep}; EXCEPTION WHEN query_canceled THEN {sleep}; END $$")
        sessions.until(lambda activity: any(found.is_active for found in activity.sessions))

        ending = end_session(
            pid=pid_of(session), only_statement=True, confirm=lambda session: True, patience_seconds=0.2
        )

        assert not ending.ended

    def test_spares_whoever_got_the_process_id_during_the_question(self, sessions, monkeypatch):
        session = sessions.open("newcomer", autocommit=True)
        [found] = (activity := read_activity()).sessions
        predecessor = dataclasses.replace(
            found, connected_at=found.connected_at - datetime.timedelta(hours=1)
        )
        before = dataclasses.replace(activity, sessions=(predecessor,))
        monkeypatch.setattr(session_end, "read_activity", lambda **options: before)

        with pytest.raises(UnableToEnd):
            end_session(pid=pid_of(session), only_statement=False, confirm=lambda session: True)

        assert session.execute("SELECT 1").fetchone() == (1,)

    def test_refuses_to_cancel_where_nothing_runs(self, sessions):
        session = sessions.open("idle")

        with pytest.raises(UnableToEnd, match=f"--terminate {pid_of(session)}"):
            end_session(pid=pid_of(session), only_statement=True, confirm=lambda session: True)

    def test_refuses_its_own_process(self, sessions):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [own] = cursor.fetchone()

        with pytest.raises(UnableToEnd) as refused:
            end_session(pid=own, only_statement=False, confirm=lambda session: True)

        assert str(own) in str(refused.value)
        assert connection.settings_dict["NAME"] not in str(refused.value)

    def test_refuses_a_client_of_another_database(self, sessions):
        stranger = sessions.open("elsewhere", dbname="postgres", autocommit=True)

        with pytest.raises(UnableToEnd, match="“postgres”"):
            end_session(pid=pid_of(stranger), only_statement=False, confirm=lambda session: True)

        assert stranger.execute("SELECT 1").fetchone() == (1,)

    @pytest.mark.parametrize("kind", ["checkpointer", "background writer"])
    def test_refuses_a_process_of_the_server(self, sessions, kind):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = %s", [kind])
            [pid] = cursor.fetchone()

        with pytest.raises(UnableToEnd):
            end_session(pid=pid, only_statement=False, confirm=lambda session: True)

    @pytest.mark.parametrize("when", ["before", "during"])
    def test_refuses_a_session_that_is_gone_even_if_it_went_during_the_question(self, sessions, when):
        session = sessions.open("brief")
        pid = pid_of(session)

        def leave(*_):
            session.close()
            sessions.until(lambda activity: not activity.sessions)
            return True

        if when == "before":
            leave()

        with pytest.raises(UnableToEnd, match=r"manage\.py database_activity"):
            end_session(pid=pid, only_statement=False, confirm=leave)

    def test_refuses_without_the_privilege_and_names_it(self, sessions, observer):
        session = sessions.open("superuser")

        with pytest.raises(UnableToEnd, match="GRANT pg_signal_backend"):
            end_session(
                pid=pid_of(session), only_statement=False, confirm=lambda session: True, alias=observer
            )

    def test_names_the_privilege_also_when_the_server_refuses(self, sessions, observer):
        servers.administer("GRANT pg_read_all_stats TO {}", connections[observer].settings_dict["USER"])
        session = sessions.open("superuser")

        with pytest.raises(UnableToEnd, match="GRANT pg_signal_backend"):
            end_session(
                pid=pid_of(session), only_statement=False, confirm=lambda session: True, alias=observer
            )

        assert session.execute("SELECT 1").fetchone() == (1,)


class TestReport:
    def test_fits_its_width_whatever_the_statements_are(self, sessions):
        holder, waiter = sessions.open("홀더" * 15), sessions.open("waiter")
        holder.execute(
            f"UPDATE {TABLE} SET name = NULL WHERE name = ANY('{{}}') AND {'id = 1 AND ' * 20} true"
        )
        sessions.start(waiter, f'ALTER TABLE {TABLE} ADD COLUMN "{"가" * 60}" text')
        activity = sessions.until_blocked(waiter)

        lines = text(activity).splitlines()

        assert max(map(columns, lines)) == 80
        assert any(columns(line) > len(line) for line in lines)

    def test_names_the_command_that_ends_the_root(self, sessions):
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"LOCK {TABLE}")
        sessions.start(waiter, f"SELECT * FROM {TABLE}")

        shown = text(sessions.until_blocked(waiter))

        assert f"manage.py database_activity --terminate {pid_of(holder)}" in shown
        assert f"└─ {pid_of(waiter)} " in shown
