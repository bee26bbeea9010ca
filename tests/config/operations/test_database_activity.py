import io
import json
import os
import signal
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from config.operations.activity import read_activity
from config.operations.management.commands import database_activity
from config.operations.session_end import Ending
from tests.config.operations.sessions import TABLE, pid_of, sessions_with_table
from tests.config.servers import PROJECT, environment, manage

HOME = b"\x1b[H"


@pytest.fixture
def sessions(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), sessions_with_table() as opened:
        yield opened


@pytest.fixture(autouse=True)
def one_connection(monkeypatch):
    """A second one of this process, the owner's, would be one more session to see."""
    monkeypatch.setattr(database_activity, "OWNER_ALIAS", "default")
    connections["owner"].close()  # Another test may have left it open.


@pytest.fixture
def answer(monkeypatch):
    """Return a function that types a line."""
    return lambda line: monkeypatch.setattr(sys, "stdin", io.StringIO(line))


def run(*arguments):
    """Return the exit code, stdout and stderr of `manage.py database_activity`."""
    output, errors = io.StringIO(), io.StringIO()
    try:
        call_command("database_activity", *arguments, stdout=output, stderr=errors)
    except SystemExit as exit_:
        return exit_.code, output.getvalue(), errors.getvalue()
    except CommandError as error:
        return error.returncode, output.getvalue(), errors.getvalue() + str(error)
    return 0, output.getvalue(), errors.getvalue()


def database_name():
    return connection.settings_dict["NAME"]


def variables():
    """Return the variables with which a process of its own uses the test database."""
    return {"DJANGO_SETTINGS_MODULE": "config.settings.test", "DB_NAME": database_name()}


class TestShow:
    def test_exits_with_0_when_nothing_is_wrong(self, sessions):
        code, output, errors = run()

        assert code == 0
        assert database_name() in output
        assert "\x1b" not in output
        assert errors == ""

    def test_exits_with_1_when_somebody_is_blocked(self, sessions):
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"LOCK {TABLE}")
        sessions.start(waiter, f"SELECT * FROM {TABLE} WHERE name = '김요한'")
        sessions.until_blocked(waiter)

        code, output, _ = run()

        assert code == 1
        assert f"└─ {pid_of(waiter)} " in output
        assert f"AccessShareLock {TABLE}" in output
        assert f"--terminate {pid_of(holder)}" in output
        assert "김요한" not in output

    def test_exits_with_1_when_something_is_older_than_the_limit(self, sessions):
        session = sessions.open("forgotten")
        session.execute("SELECT 1")

        assert run("--longer-than=1000")[0] == 0
        assert run("--longer-than=0")[0] == 1

    def test_prints_one_json_object(self, sessions):
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"LOCK {TABLE}")
        sessions.start(waiter, f"SELECT * FROM {TABLE} WHERE name = '김요한'")
        sessions.until_blocked(waiter)

        code, output, _ = run("--json")

        activity = json.loads(output)
        below = [{"pid": pid_of(waiter), "in_circle": False, "waiters": []}]
        assert code == 1
        assert activity["healthy"] is False
        assert activity["blocked"] == [pid_of(waiter)]
        assert activity["idle_transactions"] == [pid_of(holder)]
        assert activity["lock_tree"] == [{"pid": pid_of(holder), "in_circle": False, "waiters": below}]
        assert {session["pid"] for session in activity["sessions"]} == {pid_of(holder), pid_of(waiter)}
        assert "김요한" not in output

    def test_prints_nothing_when_told_to_be_silent(self, sessions):
        assert run("--verbosity=0") == (0, "", "")

    @pytest.mark.parametrize("seconds", ["-1", "soon", "１", "1" * 10, "nan"])
    def test_refuses_what_is_not_a_number_of_seconds(self, sessions, seconds):
        process = manage("database_activity", f"--longer-than={seconds}", **variables())

        assert process.returncode == 2
        assert f"“{seconds}”" in process.stderr
        assert "Traceback" not in process.stderr

    def test_exits_with_2_when_the_database_cannot_be_reached(self):
        process = manage(
            "database_activity",
            DJANGO_SETTINGS_MODULE="config.settings.test",
            DATABASE_URL="postgres://somebody:s3cret-w0rd@127.0.0.1:1/parish_budget",
        )

        assert process.returncode == 2
        assert process.stdout == ""
        assert "127.0.0.1" in process.stderr
        assert "s3cret-w0rd" not in process.stderr
        assert "Traceback" not in process.stderr


class TestTerminate:
    def test_ends_the_session_when_the_name_of_the_database_is_typed(self, sessions, answer):
        session = sessions.open("victim")
        answer(f"{database_name()}\n")

        code, output, errors = run(f"--terminate={pid_of(session)}")

        assert code == 0
        assert str(pid_of(session)) in output
        assert "victim" in errors
        assert sessions.until(lambda activity: not activity.sessions)

    @pytest.mark.parametrize("line", ["", "\n", "yes\n", "y\n"])
    def test_exits_with_1_and_does_nothing_for_any_other_answer(self, sessions, answer, line):
        session = sessions.open("spared")
        answer(line)

        code, output, _ = run(f"--terminate={pid_of(session)}")

        assert (code, output) == (1, "")
        assert session.execute("SELECT 1").fetchone() == (1,)

    def test_asks_nothing_in_a_script(self, sessions, answer):
        session = sessions.open("victim")
        answer("")

        code, output, errors = run(f"--terminate={pid_of(session)}", "--no-input", "--json")

        assert code == 0
        assert json.loads(output) == {"pid": pid_of(session), "only_statement": False, "ended": True}
        assert errors == ""

    def test_cancels_only_the_statement(self, sessions):
        session = sessions.open("slow", autocommit=True)
        sessions.start(session, "SELECT pg_sleep(1000)")
        sessions.until(lambda activity: any(found.is_active for found in activity.sessions))

        code, _, _ = run(f"--terminate={pid_of(session)}", "--cancel", "--no-input")

        assert code == 0
        assert sessions.until(lambda activity: activity.sessions[0].state == "idle")

    @pytest.mark.parametrize("only_statement", [True, False])
    def test_exits_with_1_when_it_has_not_ended_in_time(self, sessions, monkeypatch, only_statement):
        sessions.open("stubborn")
        [session] = read_activity().sessions
        ending = Ending(session=session, only_statement=only_statement, ended=False)
        monkeypatch.setattr(database_activity, "end_session", lambda **options: ending)

        code, output, _ = run(f"--terminate={session.pid}", "--no-input")

        assert code == 1
        assert str(session.pid) in output

    def test_exits_with_2_for_a_session_that_is_gone(self, sessions):
        session = sessions.open("brief")
        pid = pid_of(session)
        session.close()
        sessions.until(lambda activity: not activity.sessions)

        code, output, errors = run(f"--terminate={pid}", "--no-input")

        assert (code, output) == (2, "")
        assert str(pid) in errors

    @pytest.mark.parametrize("pid", [-1, 0, 2**31, 10**20])
    def test_exits_with_2_for_a_number_that_is_no_process(self, sessions, pid):
        code, output, _ = run(f"--terminate={pid}", "--no-input")

        assert (code, output) == (2, "")


class TestWatch:
    def test_redraws_in_colour_until_it_is_interrupted(self, sessions):
        terminal, its_end = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "manage.py", "database_activity", "--watch"],
            cwd=PROJECT,
            env=environment(**variables(), TERM="xterm"),
            stdin=its_end,
            stdout=its_end,
            stderr=subprocess.PIPE,
        )
        os.close(its_end)
        shown = b""
        while shown.count(HOME) < 2:
            shown += os.read(terminal, 10_000)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        os.close(terminal)

        assert process.returncode == 0
        assert errors == b""
        assert database_name().encode() in shown
        assert b"\x1b[32;1m" in shown

    def test_needs_a_terminal(self, sessions):
        code, output, errors = run("--watch")

        assert (code, output) == (2, "")
        assert "--json" in errors

    @pytest.mark.parametrize(
        "arguments", [("--watch", "--json"), ("--watch", "--terminate=1"), ("--cancel",)], ids=" ".join
    )
    def test_refuses_what_contradicts_itself(self, sessions, arguments):
        code, output, errors = run(*arguments)

        assert (code, output) == (2, "")
        assert arguments[0] in errors
