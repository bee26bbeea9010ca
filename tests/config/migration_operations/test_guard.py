"""Guarded transactions beside real sessions that hold what they want."""

import contextlib

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils.translation import override

from config.migration_operations.blockers import ACCESS_EXCLUSIVE, find_holders
from config.migration_operations.guard import (
    Patience,
    PatienceEnded,
    current_patience,
    guarded_statements,
    patience_of_migration,
    run_concurrently,
    run_guarded,
    run_patiently,
)
from tests.config.operations.sessions import TABLE, pid_of, sessions_with_table
from tests.config.servers import role

LOCKS = {TABLE: ACCESS_EXCLUSIVE}
CHANGE = f"ALTER TABLE {TABLE} ADD COLUMN note text"


@pytest.fixture
def sessions(transactional_db):
    with sessions_with_table() as opened:
        yield opened


@pytest.fixture
def holder(sessions):
    """A session that has read the table in a transaction, which is older than a moment."""
    session = sessions.open("report")
    session.execute(f"SELECT * FROM {TABLE} WHERE name = 'one'")
    wait_until_old(sessions)
    return session


def wait_until_old(sessions):
    sessions.until(lambda _activity: find_holders(connection=connection, locks=LOCKS, older_than_seconds=0.1))


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


def setting(name):
    return execute(f"SHOW {name}")[0][0]


def columns():
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, TABLE)]


def patience_until(release, *, seconds=60):
    """Return a Patience at whose first wait `release` happens, and what it was told."""
    told = []

    def on_wait(blockers):
        told.append(blockers)
        release()

    return Patience(seconds=seconds, on_wait=on_wait), told


class TestRunGuarded:
    def test_returns_what_the_work_returns_and_commits_it(self, sessions):
        assert run_guarded(lambda: execute("SELECT 1") and execute(CHANGE), connection=connection) is None
        assert "note" in columns()

    def test_takes_back_everything_of_work_that_fails(self, sessions):
        def work():
            execute(CHANGE)
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            run_guarded(work, connection=connection)

        assert "note" not in columns()

    def test_works_under_short_timeouts_that_end_with_the_transaction(self, sessions):
        before = setting("lock_timeout"), setting("deadlock_timeout")

        during = run_guarded(
            lambda: (setting("lock_timeout"), setting("deadlock_timeout")), connection=connection
        )

        assert during == ("50ms", "20ms")
        assert (setting("lock_timeout"), setting("deadlock_timeout")) == before

    def test_keeps_them_after_a_savepoint_was_rolled_back(self, sessions):
        def work():
            with contextlib.suppress(DatabaseError), transaction.atomic():
                execute("SELECT 1 / 0")
            return setting("lock_timeout")

        assert run_guarded(work, connection=connection) == "50ms"

    def test_does_not_even_try_while_an_old_transaction_holds_the_table(self, holder):
        patience, told = patience_until(holder.rollback)

        run_guarded(lambda: execute(CHANGE), connection=connection, patience=patience, locks=LOCKS)

        assert [[blocker.pid for blocker in blockers] for blockers in told] == [[pid_of(holder)]]
        assert patience.attempts == 1
        assert patience.waited_seconds > 0

    def test_tries_again_when_a_lock_is_not_got_in_time(self, holder):
        patience, told = patience_until(holder.rollback)

        run_guarded(lambda: execute(CHANGE), connection=connection, patience=patience)

        assert patience.attempts == 2
        assert len(told) == 1
        assert "note" in columns()

    def test_tries_again_after_a_deadlock(self, sessions):
        other, third = sessions.open("first row"), sessions.open("onlooker", autocommit=True)
        other.execute(f"UPDATE {TABLE} SET name = 'x' WHERE id = 1")
        patience, _told = patience_until(lambda: None)
        attempts = []

        def work():
            attempts.append(len(attempts))
            if len(attempts) > 1:
                return
            execute("SET LOCAL lock_timeout = '20s'; SET LOCAL deadlock_timeout = '1ms'")
            execute(f"UPDATE {TABLE} SET name = 'y' WHERE id = 2")
            sessions.start(other, f"UPDATE {TABLE} SET name = 'z' WHERE id = 2")
            while not third.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                pass
            execute(f"UPDATE {TABLE} SET name = 'w' WHERE id = 1")

        run_guarded(work, connection=connection, patience=patience)

        assert attempts == [0, 1]

    @pytest.mark.parametrize(
        ("state", "words", "attempts"),
        [
            ("55P03", "잠금 대기 시간 초과로 작업을 취소합니다.", 2),
            ("40P01", "교착 상태 발생", 2),
            ("57014", "canceling statement due to lock timeout", 1),
            ("23505", "deadlock detected", 1),
        ],
    )
    def test_decides_by_the_code_of_an_error_and_not_by_its_words(self, sessions, state, words, attempts):
        patience, _told = patience_until(lambda: None)
        made = []

        def work():
            made.append(1)
            if len(made) == 1:
                execute(f"DO $$ BEGIN RAISE '{words}' USING ERRCODE = '{state}'; END $$")

        with contextlib.suppress(DatabaseError):
            run_guarded(work, connection=connection, patience=patience)

        assert len(made) == patience.attempts == attempts

    def test_sees_a_lock_failure_behind_another_error(self, sessions):
        made = []

        def work():
            made.append(1)
            if len(made) == 1:
                try:
                    execute("DO $$ BEGIN RAISE 'x' USING ERRCODE = '55P03'; END $$")
                except DatabaseError as error:
                    raise ValueError from error

        run_guarded(work, connection=connection)

        assert len(made) == 2

    def test_names_the_holder_when_patience_ends(self, holder):
        patience = Patience(seconds=0.2)

        with override("en"), pytest.raises(PatienceEnded) as ended:
            run_guarded(lambda: execute(CHANGE), connection=connection, patience=patience, locks=LOCKS)

        message = str(ended.value)
        assert f"process {pid_of(holder)} of" in message
        assert "(report), in a transaction since" in message
        assert f"SELECT * FROM {TABLE} WHERE name = '…'" in message
        assert "manage.py database_activity" in message
        assert [blocker.table for blocker in ended.value.blockers] == [TABLE]
        assert "note" not in columns()

    def test_names_the_holder_that_attempts_without_looking_met(self, holder):
        with pytest.raises(PatienceEnded) as ended:
            run_guarded(lambda: execute(CHANGE), connection=connection, patience=Patience(seconds=0.2))

        assert "note" not in columns()
        assert ended.value.__cause__ is not None

    def test_refuses_to_be_part_of_another_transaction(self, sessions):
        with transaction.atomic(), pytest.raises(RuntimeError):
            run_guarded(lambda: execute(CHANGE), connection=connection)

    def test_takes_the_patience_of_the_migration_that_runs(self, sessions):
        patience = Patience(seconds=3)

        with patience_of_migration(patience):
            assert current_patience() is patience
        assert current_patience() is not patience


class TestFindHolders:
    def test_sees_only_modes_that_stand_in_the_way(self, holder):
        def pids(mode):
            found = find_holders(connection=connection, locks={TABLE: mode}, older_than_seconds=0)
            return [blocker.pid for blocker in found]

        assert pids(ACCESS_EXCLUSIVE) == [pid_of(holder)]
        assert pids("ExclusiveLock") == pids("ShareUpdateExclusiveLock") == []

    def test_leaves_out_young_transactions(self, sessions):
        session = sessions.open("short")
        session.execute(f"SELECT FROM {TABLE}")

        assert find_holders(connection=connection, locks=LOCKS, older_than_seconds=3600) == ()

    def test_knows_no_table_that_is_not_there(self, sessions):
        assert (
            find_holders(connection=connection, locks={"nowhere": ACCESS_EXCLUSIVE}, older_than_seconds=0)
            == ()
        )

    def test_counts_what_an_ordinary_role_cannot_see_as_unknown(self, holder):
        with role("test_ordinary") as name:
            execute("SET SESSION AUTHORIZATION test_ordinary")
            try:
                assert find_holders(connection=connection, locks=LOCKS, older_than_seconds=0) == ()
                connection.close()
                execute(f"GRANT pg_read_all_stats TO {name}")
                execute("SET SESSION AUTHORIZATION test_ordinary")
                found = find_holders(connection=connection, locks=LOCKS, older_than_seconds=0)
            finally:
                connection.close()

        assert [blocker.pid for blocker in found] == [pid_of(holder)]


class TestRunPatiently:
    def test_waits_for_a_lock_that_nobody_waits_for_in_turn(self, sessions):
        assert run_patiently(lambda: setting("lock_timeout"), connection=connection) == "1min"
        assert run_patiently(lambda: setting("statement_timeout"), connection=connection) == "0"

    def test_names_old_transactions_when_patience_ends(self, sessions):
        session = sessions.open("vacuum")
        session.execute(f"LOCK TABLE {TABLE} IN SHARE UPDATE EXCLUSIVE MODE")
        patience = Patience(seconds=0.2)

        with pytest.raises(PatienceEnded) as ended:
            run_patiently(
                lambda: execute(f"LOCK TABLE {TABLE} IN SHARE UPDATE EXCLUSIVE MODE"),
                connection=connection,
                patience=patience,
            )

        assert pid_of(session) in [blocker.pid for blocker in ended.value.blockers]


class TestRunConcurrently:
    def test_gives_the_session_its_settings_back(self, sessions):
        before = setting("lock_timeout"), setting("deadlock_timeout"), setting("statement_timeout")

        run_concurrently(
            lambda: execute(f"CREATE INDEX CONCURRENTLY built ON {TABLE} (name)"), connection=connection
        )
        after = setting("lock_timeout"), setting("deadlock_timeout"), setting("statement_timeout")

        assert after == before

    def test_names_the_transaction_that_a_build_waits_for(self, sessions):
        session = sessions.open("snapshot")
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.execute("SELECT 1")

        with pytest.raises(PatienceEnded) as ended:
            run_concurrently(
                lambda: execute(f"CREATE INDEX CONCURRENTLY built ON {TABLE} (name)"),
                connection=connection,
                patience=Patience(seconds=0.3),
            )

        assert pid_of(session) in [blocker.pid for blocker in ended.value.blockers]


class TestGuardedStatements:
    def test_tries_each_statement_again(self, holder):
        patience, _told = patience_until(holder.rollback)

        with guarded_statements(connection=connection, patience=patience):
            execute(CHANGE)

        assert patience.attempts == 2
        assert "note" in columns()

    def test_leaves_transactions_to_whoever_opened_them(self, holder):
        with (
            guarded_statements(connection=connection),
            pytest.raises(DatabaseError),
            transaction.atomic(),
        ):
            execute(CHANGE)

    def test_lets_a_concurrent_build_wait(self, sessions):
        seen = []

        def look(run, sql, params, many, context):
            if "CONCURRENTLY" in sql:
                seen.append(setting("lock_timeout"))
            return run(sql, params, many, context)

        with guarded_statements(connection=connection), connection.execute_wrapper(look):
            execute(f"CREATE INDEX CONCURRENTLY built ON {TABLE} (name)")
            seen.append(setting("lock_timeout"))

        assert seen == ["1min", "50ms"]

    def test_gives_the_session_its_settings_back(self, sessions):
        before = setting("lock_timeout")

        with guarded_statements(connection=connection):
            assert setting("lock_timeout") == "50ms"

        assert setting("lock_timeout") == before


def test_a_role_without_the_privilege_does_without_the_deadlock_timeout(sessions):
    with role("test_ordinary", options="LOGIN") as name:
        execute(f"GRANT ALL ON {TABLE} TO {name}")
        try:
            execute(f"SET SESSION AUTHORIZATION {name}")
            found = run_guarded(
                lambda: (setting("lock_timeout"), setting("deadlock_timeout")), connection=connection
            )
        finally:
            connection.close()
            execute(f"REVOKE ALL ON {TABLE} FROM {name}")

    assert found == ("50ms", "1s")
