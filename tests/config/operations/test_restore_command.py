"""`manage.py restore` as a process: what it asks, what it answers, and what a signal leaves behind."""

import json
import os
import signal

import pytest
from django.db import connection

from config.cluster import SCRATCH, Cluster, running, start_cluster
from tests.config.operations.backup_sources import (
    CONTENT,
    MORE,
    backends,
    databases_beside,
    eventually,
    ordinary_database,
    processes,
)
from tests.config.servers import (
    administer,
    answer,
    execute,
    manage,
    read_until,
    started,
    variables_of,
)


@pytest.fixture
def live(django_db_setup, tmp_path):
    """Return the variables of a filled database of an ordinary role, and of folders with an uploaded file."""
    (tmp_path / "media" / "receipts").mkdir(parents=True)
    (tmp_path / "media" / "receipts" / "1.jpg").write_bytes(b"first")
    with ordinary_database(f"{connection.settings_dict['NAME']}_restored", tmp_path) as variables:
        yield variables


def count(variables, table):
    [[rows]] = execute(variables, f"SELECT count(*) FROM {table}")
    return rows


def back_up(variables):
    result = manage("backup", "--no-verify", **variables)
    assert result.returncode == 0, result.stderr


class TestRestore:
    def test_asks_for_the_name_and_brings_rows_and_files_back(self, live, tmp_path):
        back_up(live)
        execute(live, "TRUNCATE events, without_a_key")
        (tmp_path / "media" / "receipts" / "1.jpg").unlink()

        result = answer(f"{live['DB_NAME']}\n", "restore", "latest", **live)

        assert result.returncode == 0, result.stderr
        assert "public.events: 0 rows now, 3,000 then" in result.stderr
        assert "Type the name of the database" in result.stderr
        assert "manage.py restore --undo" in result.stdout
        assert "s  restoring" in result.stdout
        assert (count(live, "events"), count(live, "without_a_key")) == (3000, 3)
        assert (tmp_path / "media" / "receipts" / "1.jpg").read_bytes() == b"first"

    @pytest.mark.parametrize("text", ["", "\n", "yes\n"])
    def test_does_nothing_for_any_other_answer(self, live, text):
        back_up(live)
        execute(live, "TRUNCATE events")

        result = answer(text, "restore", "latest", **live)

        assert result.returncode == 1
        assert "Not confirmed; nothing was done." in result.stderr
        assert (count(live, "events"), databases_beside(live["DB_NAME"])) == (0, [])

    def test_prints_one_json_object(self, live):
        back_up(live)

        result = manage("restore", "latest", "--no-input", "--json", **live)

        facts = json.loads(result.stdout)
        assert (result.returncode, facts["rows"], facts["database"]) == (0, 3017, live["DB_NAME"])
        assert databases_beside(live["DB_NAME"]) == [facts["kept"]]
        assert result.stderr == ""

    def test_changes_nothing_on_a_dry_run(self, live):
        back_up(live)
        execute(live, "TRUNCATE events")

        result = manage("restore", "latest", "--dry-run", **live)

        assert result.returncode == 0
        assert "public.events: 0 rows now, 3,000 then" in result.stdout
        assert (count(live, "events"), databases_beside(live["DB_NAME"])) == (0, [])

    def test_takes_itself_back(self, live):
        back_up(live)
        execute(live, "TRUNCATE events")
        manage("restore", "latest", "--no-input", **live)

        planned = manage("restore", "--undo", "--dry-run", **live)
        result = answer(f"{live['DB_NAME']}\n", "restore", "--undo", **live)

        assert "becomes" in planned.stdout
        assert result.returncode == 0, result.stderr
        assert count(live, "events") == 0

    def test_answers_2_with_the_next_command_when_there_is_no_backup(self, live):
        for arguments in (("latest",), ("nothing",), ("--undo",)):
            result = manage("restore", *arguments, "--no-input", **live)

            assert result.returncode == 2
            assert "Nothing was changed." in result.stderr
            assert "manage.py" in result.stderr

    def test_answers_2_when_the_role_may_not_create_databases(self, live):
        back_up(live)
        administer("ALTER ROLE {} NOCREATEDB", live["DB_USERNAME"])
        try:
            result = manage("restore", "latest", "--no-input", **live)
        finally:
            administer("ALTER ROLE {} CREATEDB", live["DB_USERNAME"])

        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        assert count(live, "events") == 3000


class TestInterruption:
    @pytest.mark.parametrize(
        ("step", "number", "exit_code"),
        [
            ("Restoring", signal.SIGKILL, -9),
            ("Exchanging", signal.SIGKILL, -9),
            ("Restoring", signal.SIGTERM, 143),
            ("Comparing the restored", signal.SIGINT, 130),
        ],
    )
    def test_leaves_the_live_database_in_service_and_the_next_one_works(
        self, live, tmp_path, step, number, exit_code
    ):
        execute(live, MORE)
        back_up(live)
        execute(live, "TRUNCATE organizations CASCADE")

        with started("restore", "latest", "--no-input", **live) as process:
            read_until(process, step)
            os.kill(process.pid, number)
            process.stderr.read()

        assert process.returncode == exit_code
        assert eventually(lambda: processes(tmp_path / "backups") == [])
        for name in [live["DB_NAME"], *databases_beside(live["DB_NAME"])]:
            assert eventually(lambda name=name: backends(name) == [])
        # Either wholly before or wholly after the exchange.
        assert count(live, "events") in ((0, 3000) if step == "Exchanging" else (0,))
        again = manage("restore", "latest", "--no-input", **live)
        assert again.returncode == 0, again.stderr
        assert not any("_restore_" in name for name in databases_beside(live["DB_NAME"]))

    def test_changes_nothing_when_the_server_dies(self, tmp_path):
        with running(cluster=Cluster(profile=SCRATCH, folder=tmp_path / "server")) as server:
            start_cluster(cluster=server.cluster, database="live")
            variables = variables_of(server.cluster, "live", tmp_path)
            execute(variables, f"{CONTENT}; {MORE}")
            back_up(variables)
            execute(variables, "TRUNCATE events")
            with started("restore", "latest", "--no-input", **variables) as process:
                read_until(process, "Restoring")
                os.kill(server.pid, signal.SIGQUIT)  # An immediate shutdown.
                errors = process.stderr.read()
            assert process.returncode == 2
            assert "Traceback" not in errors
            assert variables["DB_PASSWORD"] not in errors

            start_cluster(cluster=server.cluster)
            assert count(variables, "events") == 0
            again = manage("restore", "latest", "--no-input", **variables)

            assert again.returncode == 0, again.stderr
            assert count(variables, "events") == 3000
