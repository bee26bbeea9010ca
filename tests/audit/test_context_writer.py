import contextlib
import json
import threading

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.sql import SQL

from audit.context import acting_as

ALIAS = "probe"
SAID = "current_setting('audit.context', true)"


@pytest.fixture
def probe(db):
    """Return a connection of its own to a table whose rows keep the context that they were written in."""
    connections[ALIAS] = connection.copy(ALIAS)
    run(f"CREATE TABLE context_probe (id serial, note text, said text DEFAULT {SAID})")
    yield connections[ALIAS]
    connections[ALIAS].rollback()
    run("DROP TABLE context_probe")
    connections[ALIAS].close()
    del connections[ALIAS]


def run(sql, parameters=None):
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def write(note="note"):
    return run("INSERT INTO context_probe (note) VALUES (%s)", [note])


def reasons():
    """Return the reason that each row was written with, in the order of writing."""
    rows = run("SELECT said FROM context_probe ORDER BY id")
    return [json.loads(said)["reason"] if said else None for (said,) in rows]


def said_now():
    return run(f"SELECT {SAID}")[0][0] or None


def in_transaction():
    return transaction.atomic(using=ALIAS)


class TestStatementOfItsOwn:
    """Under autocommit."""

    def test_says_who_acts(self, probe):
        with acting_as(command="seed", reason="first"):
            assert write() == 1

        ((said,),) = run("SELECT said FROM context_probe")
        assert json.loads(said) == {"command": "seed", "reason": "first"}

    def test_leaves_nothing_for_the_next_statement(self, probe):
        with acting_as(reason="first"):
            write()
            assert said_now() is None
        write()

        assert reasons() == ["first", None]

    @pytest.mark.parametrize(
        "statement",
        [
            f"UPDATE context_probe SET note = 'new' RETURNING {SAID}",
            f"DELETE FROM context_probe RETURNING {SAID}",
            f"WITH changed AS (UPDATE context_probe SET note = 'new' RETURNING {SAID}) SELECT * FROM changed",
            f"-- why\n /* what */ update context_probe SET note = 'new' RETURNING {SAID}",
            SQL(f"UPDATE context_probe SET note = 'new' RETURNING {SAID}"),
            f"UPDATE context_probe SET note = 'new' RETURNING {SAID}".encode(),
        ],
    )
    def test_says_who_acts_however_it_is_written(self, probe, statement):
        write()

        with acting_as(reason="first"):
            ((said,),) = run(statement)

        assert json.loads(said) == {"reason": "first"}

    def test_says_who_merges(self, probe):
        with acting_as(reason="first"):
            run(
                "MERGE INTO context_probe USING (VALUES (0)) new (id) ON context_probe.id = new.id "
                "WHEN NOT MATCHED THEN INSERT (note) VALUES ('merged')"
            )

        assert reasons() == ["first"]

    def test_says_who_truncates(self, probe):
        run(
            "CREATE FUNCTION context_probe_emptied() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '%', {SAID}; END $$"
        )
        run(
            "CREATE TRIGGER emptied BEFORE TRUNCATE ON context_probe EXECUTE FUNCTION context_probe_emptied()"
        )

        try:
            with acting_as(reason="first"), pytest.raises(DatabaseError, match="first"):
                run("TRUNCATE context_probe")
        finally:
            run("DROP FUNCTION context_probe_emptied() CASCADE")

    def test_says_who_writes_many_at_once(self, probe):
        with acting_as(reason="first"), probe.cursor() as cursor:
            cursor.executemany("INSERT INTO context_probe (note) VALUES (%s)", [["one"], ["two"]])
            assert cursor.rowcount == 2

        assert reasons() == ["first", "first"]
        assert said_now() is None

    def test_says_who_copies(self, probe):
        statement = "COPY context_probe (note) FROM STDIN"

        with acting_as(reason="first"), probe.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write_row(["one"])

        assert reasons() == ["first"]

    def test_keeps_percent_signs_quotes_and_backslashes(self, probe):
        reason = '100 % of Lee\'s \\ "price" %s {0} 값 🙂'

        with acting_as(reason=reason):
            write("50 %")
            run("INSERT INTO context_probe (note) VALUES ('50 %')")

        assert reasons() == [reason, reason]
        assert run("SELECT DISTINCT note FROM context_probe") == [("50 %",)]

    def test_fails_as_without_a_context(self, probe):
        with acting_as(reason="first"), pytest.raises(DatabaseError) as failure:
            run("INSERT INTO context_probe (wrong) VALUES (1)")

        assert "first" not in str(failure.value)
        with acting_as(reason="second"):
            write()
        assert reasons() == ["second"]

    @pytest.mark.parametrize(
        "statement",
        ["VACUUM context_probe", "CREATE INDEX CONCURRENTLY context_probe_note ON context_probe (note)"],
    )
    def test_may_be_one_that_no_transaction_takes(self, probe, statement):
        with acting_as(reason="first"):
            run(statement)

    def test_may_be_a_procedure_that_commits(self, probe):
        with acting_as(reason="first"):
            run("DO $$ BEGIN INSERT INTO context_probe (note) VALUES ('one'); COMMIT; END $$")

        assert reasons() == [None]

    def test_is_counted_as_one(self, probe):
        probe.ensure_connection()

        with acting_as(reason="first"), CaptureQueriesContext(probe) as queries:
            write()

        assert len(queries) == 1


class TestTransaction:
    def test_says_once_who_acts(self, probe):
        with acting_as(reason="first"), in_transaction():
            write()
            write()
            assert json.loads(said_now()) == {"reason": "first"}

        assert reasons() == ["first", "first"]
        assert said_now() is None

    def test_leaves_nothing_for_the_next_one(self, probe):
        with acting_as(reason="first"), in_transaction():
            write()
        with in_transaction():
            write()

        assert reasons() == ["first", None]

    def test_says_who_acts_after_it_has_read(self, probe):
        with acting_as(reason="first"):
            for read in (lambda: run("SELECT 1"), lambda: read_on_server(probe)):
                with in_transaction():
                    write()
                with in_transaction():
                    read()
                    write()

        assert reasons() == ["first"] * 4

    def test_leaves_nothing_when_it_fails(self, probe):
        with contextlib.suppress(ZeroDivisionError), acting_as(reason="first"), in_transaction():
            write()
            raise ZeroDivisionError
        with in_transaction():
            write()
        with acting_as(reason="third"), in_transaction():
            write()

        assert reasons() == [None, "third"]

    def test_says_anew_when_somebody_else_acts(self, probe):
        with acting_as(reason="first"), in_transaction():
            write()
            with acting_as(reason="second"):
                write()
            write()

        assert reasons() == ["first", "second", "first"]

    def test_forgets_who_no_longer_acts(self, probe):
        with in_transaction():
            with acting_as(reason="first"):
                write()
            write()

        assert reasons() == ["first", None]

    @pytest.mark.parametrize("fail", [lambda: 1 / 0, lambda: run("SELECT 1 / 0")])
    def test_says_anew_after_a_savepoint_is_rolled_back(self, probe, fail):
        with acting_as(reason="first"), in_transaction():
            with contextlib.suppress(ZeroDivisionError, DatabaseError), in_transaction():
                write()
                with acting_as(reason="second"):
                    write()
                fail()
            write()

        assert reasons() == ["first"]

    def test_says_who_copies_and_writes_many(self, probe):
        with acting_as(reason="first"), in_transaction(), probe.cursor() as cursor:
            with cursor.copy("COPY context_probe (note) FROM STDIN") as copy:
                copy.write_row(["one"])
            cursor.executemany("INSERT INTO context_probe (note) VALUES (%s)", [["two"]])
            cursor.execute("DO $$ BEGIN INSERT INTO context_probe (note) VALUES ('three'); END $$")

        assert reasons() == ["first", "first", "first"]

    def test_says_who_acts_beside_a_cursor_of_the_server(self, probe):
        write()

        with acting_as(reason="first"), in_transaction(), probe.chunked_cursor() as cursor:
            cursor.execute("SELECT note FROM context_probe")
            write()
            assert cursor.fetchall() == [("note",)]

        assert reasons() == [None, "first"]

    def test_may_choose_its_isolation_after_it_knows_who_acts(self, probe):
        with acting_as(reason="first"), in_transaction():
            run("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            write()

        assert reasons() == ["first"]

    def test_starts_anew_after_a_commit_by_hand(self, probe):
        with acting_as(reason="first"):
            for _ in range(2):
                run("BEGIN")
                write()
                run("COMMIT AND CHAIN")
                write()
                run("ROLLBACK AND CHAIN")
                write()
                run("COMMIT")

        assert reasons() == ["first"] * 4

    def test_stays_broken_until_it_is_rolled_back(self, probe):
        with acting_as(reason="first"):
            run("BEGIN")
            with pytest.raises(DatabaseError):
                run("SELECT 1 / 0")
            with pytest.raises(DatabaseError, match="aborted"):
                write()
            run("ROLLBACK")


class TestConnection:
    def test_that_is_killed_leaves_neither_change_nor_context(self, probe):
        with contextlib.suppress(DatabaseError), acting_as(reason="first"), in_transaction():
            write()
            kill(probe)
            write()
        probe.close()
        write()

        assert reasons() == [None]

    def test_that_others_used_before_knows_nothing_of_them(self, probe):
        """As from a pool: the session stays, Django's connection is another one."""
        with acting_as(reason="first"):
            run("BEGIN")
            write()
        session, probe.connection = probe.connection, None
        session.rollback()
        other = connections[ALIAS] = probe.copy(ALIAS)
        other.get_new_connection = lambda parameters: session

        write()
        with acting_as(reason="second"):
            write()

        assert other.connection is session
        assert reasons() == [None, "second"]

    def test_of_another_thread_does_not_act_for_this_one(self, probe):
        # One after the other: what is tested is what a thread knows.
        with acting_as(reason="first"):
            thread = threading.Thread(target=write_in_thread, args=[probe])
            thread.start()
            thread.join()
            write()

        assert reasons() == [None, "first"]


def read_on_server(probe):
    with probe.chunked_cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]


def kill(probe):
    with psycopg.connect(**probe.get_connection_params()) as session:
        session.execute("SELECT pg_terminate_backend(%s, 5000)", [probe.connection.info.backend_pid])


def write_in_thread(probe):
    connections[ALIAS] = own = probe.copy(ALIAS)
    try:
        write()
    finally:
        own.close()
