"""Deleting, pinning, copying and fetching backups, as processes."""

import datetime
import json
import signal
import subprocess
import sys

import pytest

from tests.config.operations.backup_sources import databases_beside, processes
from tests.config.operations.test_offsite import add
from tests.config.servers import PASSWORD, PROJECT, administer, answer, environment, manage


@pytest.fixture
def variables(tmp_path):
    """Return the variables of processes that need no database, and of a folder that needs pruning."""
    folder = tmp_path / "backups"
    folder.mkdir()
    for age in (1, 2, 3, 3000):
        add(folder, age, now=datetime.datetime.now(tz=datetime.UTC))
    return {
        "BACKUP_DIR": str(folder),
        "LOG_DIR": str(tmp_path / "logs"),
        "DB_HOST": "127.0.0.1",
        "DB_PORT": "1",
        "DB_USERNAME": "treasurer",
        "DB_PASSWORD": PASSWORD,
        "DB_NAME": "parish_budget",
    }


@pytest.fixture
def offsite(variables, tmp_path):
    (tmp_path / "offsite").mkdir()
    return {**variables, "BACKUP_OFFSITE_DIR": str(tmp_path / "offsite")}


def names(variables, *options):
    listed = json.loads(manage("list_backups", "--json", *options, **variables).stdout)
    return [backup["name"] for backup in listed["backups"]]


class TestPruneBackups:
    def test_shows_why_and_deletes_nothing_by_default(self, variables):
        result = manage("prune_backups", **variables)

        assert result.returncode == 0, result.stderr
        assert "the newest verified one" in result.stdout
        assert "delete  2" in result.stdout
        assert "would delete 1 backups" in result.stdout
        assert len(names(variables)) == 4

    def test_goes_on_with_a_warning_when_no_server_can_be_reached(self, variables):
        result = manage("prune_backups", "--apply", "--no-input", **variables)

        assert result.returncode == 0
        assert "Databases that restores have replaced may be left: No PostgreSQL server" in result.stderr
        assert "pg_isready" in result.stderr
        assert len(names(variables)) == 3

    def test_drops_databases_that_were_replaced_long_ago_too(self, variables, empty_database):
        live = empty_database["DB_NAME"]
        replaced, variables = f"{live}_old_20200101_000000", {**variables, **empty_database}
        administer("CREATE DATABASE {} OWNER {}", replaced, empty_database["DB_USERNAME"])
        try:
            planned = manage("prune_backups", **variables)
            assert databases_beside(live) == [replaced]
            applied = answer(f"{live}\n", "prune_backups", "--apply", **variables)
            assert databases_beside(live) == []
        finally:
            administer("DROP DATABASE IF EXISTS {}", replaced)

        assert f"delete  the database {replaced}: replaced by a restore on 2020-01-01" in planned.stdout
        assert "Would delete 1 databases" in planned.stdout
        assert "to delete 1 backups and 1 replaced databases: " in applied.stderr
        assert (applied.returncode, "Deleted 1 databases" in applied.stdout) == (0, True)

    @pytest.mark.parametrize(("typed", "code", "left"), [("\n", 1, 4), ("parish_budget\n", 0, 3)])
    def test_deletes_only_for_the_name_of_the_database(self, variables, typed, code, left):
        result = answer(typed, "prune_backups", "--apply", **variables)

        assert result.returncode == code, result.stderr
        assert len(names(variables)) == left

    def test_asks_nobody_on_request(self, variables):
        result = manage("prune_backups", "--apply", "--no-input", "--json", **variables)

        facts = json.loads(result.stdout)
        assert (result.returncode, facts["applied"], len(facts["deletes"])) == (0, True, 1)
        assert len(names(variables)) == 3

    def test_answers_2_when_none_is_verified(self, variables, tmp_path):
        for path in tmp_path.glob("backups/2*/manifest.json"):
            path.unlink()

        result = manage("prune_backups", "--apply", "--no-input", **variables)

        assert result.returncode == 2
        assert "manage.py backup" in result.stderr
        assert len(names(variables)) == 4

    def test_is_finished_by_the_next_one_after_it_was_killed(self, variables, tmp_path):
        program = (
            "import os, signal, sys\nfrom django.core.management import execute_from_command_line\n"
            "from config.operations import pruning\n"
            "pruning.remove_tree = lambda path: os.kill(os.getpid(), signal.SIGKILL)\n"
            "import django; django.setup()\n"
            "execute_from_command_line(['manage.py', 'prune_backups', '--apply', '--no-input'])\n"
        )
        killed = subprocess.run(
            [sys.executable, "-c", program], cwd=PROJECT, env=environment(**variables), check=False
        )

        assert killed.returncode == -signal.SIGKILL
        assert processes(tmp_path) == []
        assert len([name for name in names(variables) if name.endswith(".deleting")]) == 1
        assert manage("prune_backups", "--apply", "--no-input", **variables).returncode == 0
        assert len(names(variables)) == 3


class TestPinBackup:
    def test_keeps_one_for_good(self, variables):
        oldest = names(variables)[-1]

        pinned = manage("pin_backup", oldest, **variables)
        plan = json.loads(manage("prune_backups", "--json", **variables).stdout)

        assert pinned.returncode == 0
        assert plan["deletes"] == []
        assert "pinned" in manage("list_backups", **variables).stdout

    def test_answers_2_for_an_unknown_one(self, variables):
        assert manage("pin_backup", "none", **variables).returncode == 2


class TestOffsite:
    def test_copies_lists_prunes_and_fetches(self, offsite, tmp_path):
        copied = manage("copy_backups", "--json", **offsite)
        pruned = manage("prune_backups", "--offsite", "--apply", "--no-input", **offsite)
        fetched = manage("fetch_backup", **{**offsite, "BACKUP_DIR": str(tmp_path / "new")})

        assert (copied.returncode, pruned.returncode, fetched.returncode) == (0, 0, 0), fetched.stderr
        assert len(json.loads(copied.stdout)["copied"]) == 4
        assert "same disk" in copied.stderr
        assert (len(names(offsite)), len(names(offsite, "--offsite"))) == (4, 3)
        assert names({**offsite, "BACKUP_DIR": str(tmp_path / "new")}) == names(offsite)[:1]

    def test_answers_1_with_the_next_command_when_not_all_was_copied(self, offsite, tmp_path):
        for path in tmp_path.glob("backups/files/*/*"):
            path.unlink()

        result = manage("copy_backups", **offsite)

        assert result.returncode == 1
        assert "manage.py copy_backups" in result.stderr

    @pytest.mark.parametrize("command", [("copy_backups",), ("fetch_backup",), ("list_backups", "--offsite")])
    def test_answers_2_when_no_place_is_configured(self, variables, command):
        result = manage(*command, **variables)

        assert result.returncode == 2
        assert "BACKUP_OFFSITE_DIR" in result.stderr
