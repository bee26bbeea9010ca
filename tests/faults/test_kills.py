"""Each command is killed at random moments: nothing is lost, nothing is left, and the next run works."""

import datetime
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from tests.config.operations.backup_sources import (
    MORE,
    backends,
    databases_beside,
    eventually,
    ordinary_database,
    processes,
)
from tests.config.operations.test_offsite import add
from tests.config.servers import PROJECT, administer, environment, execute, manage

MOMENTS = int(os.environ.get("MOMENTS", "30"))
UPLOADED = 20
LONG_AGO = datetime.datetime(2010, 2, 1, tzinfo=datetime.UTC)
# Everything that says whether a database is what it was, in one number.
IDENTITY = "SELECT count(*), sum(hashtextextended(e::text, 0)) FROM events AS e"


@pytest.fixture
def live(django_db_setup, tmp_path):
    """Return the variables of a filled database and of folders with one verified backup of it."""
    receipts = tmp_path / "media" / "receipts"
    receipts.mkdir(parents=True)
    for number in range(UPLOADED):
        (receipts / f"{number}.jpg").write_bytes(random.Random(number).randbytes(20_000))
    with ordinary_database(f"{connection.settings_dict['NAME']}_killed", tmp_path) as variables:
        execute(variables, MORE)
        (tmp_path / "offsite").mkdir()
        variables = {**variables, "BACKUP_OFFSITE_DIR": str(tmp_path / "offsite")}
        assert manage("backup", **variables).returncode == 0
        yield variables


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


def assert_nothing_is_left(variables, usual):
    """No process and no session after five seconds, and so no lock; what is listed is what it is called.

    Where the command itself `usual`ly takes long, because others work on the machine, it may be later.
    """
    names = [variables["DB_NAME"], *databases_beside(variables["DB_NAME"])]
    deadline = time.monotonic() + max(5, 2 * usual)
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


def nothing(variables):
    pass


def restore(variables):
    """Let there be something to take back."""
    if not any("_old_" in name for name in databases_beside(variables["DB_NAME"])):
        assert manage("restore", "latest", "--no-input", **variables).returncode == 0


def forget_copies(variables):
    offsite = Path(variables["BACKUP_OFFSITE_DIR"])
    shutil.rmtree(offsite)
    offsite.mkdir()


def age(variables):
    """Put backups that are not kept, with a file of their own, and a database that was replaced long ago."""
    folder, kept = Path(variables["BACKUP_DIR"]), f"{variables['DB_NAME']}_old_20100101_000000"
    for leftover in folder.glob("2010*"):
        shutil.rmtree(leftover)
    for number in range(20):
        add(folder, number, b"%d" % number, now=LONG_AGO)
    administer("DROP DATABASE IF EXISTS {}", kept)
    administer("CREATE DATABASE {} OWNER {}", kept, variables["DB_USERNAME"])


def no_partial_one_is_left(variables):
    assert "partial" not in [backup["state"] for backup in listed(variables)]


def everything_is_off_site(variables):
    elsewhere = {**variables, "BACKUP_DIR": f"{variables['BACKUP_DIR']}-fetched"}
    assert manage("fetch_backup", **elsewhere).returncode == 0
    assert manage("verify_backup", **elsewhere).returncode == 0


def nothing_old_is_left(variables):
    # The newest three that are verified are kept, however old they are.
    assert [backup["state"] for backup in listed(variables)] == ["verified"] * 3
    assert len(list(Path(variables["BACKUP_DIR"]).glob("files/*/*"))) == UPLOADED + 2
    assert databases_beside(variables["DB_NAME"]) == []


# What is done before each run, the run, and what is true after one that nobody has interrupted.
COMMANDS = {
    "backup": (nothing, ("backup",), no_partial_one_is_left),
    "verify_backup": (nothing, ("verify_backup",), nothing),
    "restore": (nothing, ("restore", "latest", "--no-input"), nothing),
    "undo": (restore, ("restore", "--undo", "--no-input"), nothing),
    "copy_backups": (forget_copies, ("copy_backups",), everything_is_off_site),
    "prune_backups": (age, ("prune_backups", "--apply", "--no-input"), nothing_old_is_left),
}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize(("prepare", "arguments", "check"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_can_be_killed_at_any_moment(live, prepare, arguments, check, number):
    before, chance, in_time = execute(live, IDENTITY), random.Random(f"{arguments} {number}"), 0
    prepare(live)
    usual = seconds_of(arguments, live)

    for _attempt in range(MOMENTS):
        prepare(live)
        in_time += interrupt(arguments, live, number, chance.uniform(0, usual))
        assert eventually(lambda: execute(live, IDENTITY) == before)
        assert_nothing_is_left(live, usual)

    assert in_time > MOMENTS / 2
    assert manage(*arguments, **live).returncode == 0
    assert execute(live, IDENTITY) == before
    assert not any("_restore_" in name for name in databases_beside(live["DB_NAME"]))
    check(live)
    assert manage("verify_backup", "--level", "L0", **live).returncode == 0
