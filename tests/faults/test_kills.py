"""Each command is killed at random moments: nothing is lost, nothing is left, and the next run works."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.config.operations.backup_sources import (
    CONTENT,
    backends,
    databases_beside,
    eventually,
    processes,
)
from tests.config.servers import PASSWORD, PROJECT, administer, environment, manage, role

MOMENTS = int(os.environ.get("MOMENTS", "30"))
MORE = "INSERT INTO without_a_key SELECT repeat(md5(n::text), 8) FROM generate_series(1, 60000) AS n"
# Everything that says whether a database is what it was, in one number.
IDENTITY = "SELECT count(*), sum(hashtextextended(e::text, 0)) FROM events AS e"


@pytest.fixture(scope="module")
def owner(django_db_setup):
    with role(f"{connection.settings_dict['NAME']}_killed", options="LOGIN CREATEDB") as name:
        administer("GRANT pg_signal_backend TO {}", name)
        yield name


@pytest.fixture
def live(owner, tmp_path):
    """Return the variables of a filled database and of a folder with one verified backup of it."""
    name = f"{connection.settings_dict['NAME']}_killed"
    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    administer("CREATE DATABASE {} OWNER {}", name, owner)
    variables = {
        "DB_HOST": connection.settings_dict["HOST"],
        "DB_PORT": str(connection.settings_dict["PORT"] or 5432),
        "DB_USERNAME": owner,
        "DB_PASSWORD": PASSWORD,
        "DB_NAME": name,
        "BACKUP_DIR": str(tmp_path / "backups"),
        "MEDIA_ROOT": str(tmp_path / "media"),
        "LOG_DIR": str(tmp_path / "logs"),
    }
    ask(variables, f"{CONTENT}; {MORE}")
    receipts = tmp_path / "media" / "receipts"
    receipts.mkdir(parents=True)
    for number in range(20):
        (receipts / f"{number}.jpg").write_bytes(random.Random(number).randbytes(20_000))
    assert manage("backup", **variables).returncode == 0
    yield variables
    for each in [name, *databases_beside(name)]:
        administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", each)


def ask(variables, statement):
    parameters = {"user": variables["DB_USERNAME"], "password": PASSWORD, "dbname": variables["DB_NAME"]}
    parameters = {**connection.get_connection_params(), "options": "", **parameters}
    with psycopg.connect(**parameters, autocommit=True) as database:
        cursor = database.execute(statement)
        return cursor.fetchall() if cursor.description else None


def listed(variables):
    return json.loads(manage("list_backups", "--json", **variables).stdout)["backups"]


def start(arguments, variables):
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def seconds_of(arguments, variables):
    started = time.monotonic()
    with start(arguments, variables) as process:
        pass
    assert process.returncode == 0
    return time.monotonic() - started


def interrupt(arguments, variables, number, moment):
    """Send a signal after so many seconds; whether that came in time."""
    with start(arguments, variables) as process:
        time.sleep(moment)  # The moment is what is tested, and any will do.
        in_time = process.poll() is None
        if in_time:
            os.kill(process.pid, number)
    assert process.returncode in ({0, -number, 128 + number} if in_time else {0})
    return in_time


def assert_nothing_is_left(variables, seconds=5):
    """No process and no session after `seconds`, and so no lock; what is listed is what it is called."""
    names = [variables["DB_NAME"], *databases_beside(variables["DB_NAME"])]
    deadline = time.monotonic() + seconds
    while True:
        left = [*processes(variables["BACKUP_DIR"]), *(row for name in names for row in backends(name))]
        left += list(Path(variables["BACKUP_DIR"]).glob(".verification/*"))
        if not left:
            break
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    for backup in listed(variables):
        assert backup["state"] in ("partial", "complete", "verified", "deleting"), backup
        if backup["state"] == "complete":
            verified = manage("verify_backup", backup["name"], "--level", "L1", **variables)
            assert verified.returncode == 0, verified.stderr


COMMANDS = {
    "backup": ("backup",),
    "verify_backup": ("verify_backup",),
    "restore": ("restore", "latest", "--no-input"),
    "undo": ("restore", "--undo", "--no-input"),
}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_can_be_killed_at_any_moment(live, arguments, number):
    if "--undo" in arguments:
        assert manage("restore", "latest", "--no-input", **live).returncode == 0
    before, chance, in_time = ask(live, IDENTITY), random.Random(f"{arguments} {number}"), 0
    usual = seconds_of(arguments, live)

    for _attempt in range(MOMENTS):
        in_time += interrupt(arguments, live, number, chance.uniform(0, usual))
        assert eventually(lambda: ask(live, IDENTITY) == before)
        assert_nothing_is_left(live)

    assert in_time > MOMENTS / 2
    assert manage(*arguments, **live).returncode == 0
    assert ask(live, IDENTITY) == before
    assert not any("_restore_" in name for name in databases_beside(live["DB_NAME"]))
    assert "partial" not in [backup["state"] for backup in listed(live)] or arguments[0] != "backup"
