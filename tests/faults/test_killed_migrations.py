"""migrate_safely and revert are killed at random moments: the same command, typed again, finishes."""

import os
import random
import signal
import time

import pytest
from django.conf import settings
from django.db import connection

from config.cluster import start_cluster
from tests.config.operations.schema_change.conftest import *  # noqa: F403 - its fixtures
from tests.config.operations.schema_change.trials import MEMBERS, applied, execute, leftovers, migrate, shape
from tests.config.servers import manage
from tests.faults.test_kills import start

MOMENTS = int(os.environ.get("MOMENTS", "30"))
ROWS = 120_000  # More than a small table may have.

OURS = """
from config.migration_operations.change_type import ChangeTypeOnline
from config.migration_operations.update_in_batches import UpdateInBatches
"""
# One of each kind: built concurrently, validated, filled, copied to another type, put into the attic.
CHANGES = {
    "0002_constraints": """
        migrations.AddIndex("member", Index(fields=["name"], name="trial_name")),
        migrations.AddConstraint("member", UniqueConstraint(fields=["name", "age"], name="trial_unique")),
        migrations.AddConstraint("member", CheckConstraint(condition=Q(age__gt=0), name="trial_check")),
        migrations.AlterField("member", "other", BigIntegerField()),
        migrations.AddField("member", "group", ForeignKey("trial.group", CASCADE, null=True)),
    """,
    "0003_remark": 'migrations.AddField("member", "remark", TextField(null=True)),',
    "0004_filled": """
        UpdateInBatches(
            "remark", "member", {"remark": F("name")}, where=Q(remark=None), reverse=UpdateInBatches.noop
        ),
    """,
    "0005_type": 'ChangeTypeOnline("member", "age", BigIntegerField()),',
    "0006_dropped": """
        # lint: accept drop-in-use because the code of the test reads no column
        migrations.RemoveField("member", "note"),
    """,
}
NOT_ATOMIC = {"0004_filled", "0005_type"}
COMMANDS = {
    "migrate_safely": ["migrate_safely", "--without-backup", "--patience", "20"],
    "revert": ["revert", "--steps", str(len(CHANGES)), "--without-backup", "--no-input", "--patience", "20"],
}


@pytest.fixture
def variables(trial, tmp_path):
    """Return the variables of a process that finds a large table and, pending, one change of each kind."""
    trial.write("0001_members", MEMBERS)
    migrate("0001_members", large=())
    execute(
        "INSERT INTO trial_member (name, age, other)"
        f" SELECT 'member ' || n, n, n FROM generate_series(1, {ROWS}) AS n"
    )
    execute("ANALYZE trial_member")
    # A sequence that was copied with its database is written down only after the next checkpoint.
    execute("CHECKPOINT")
    for name, operations in CHANGES.items():
        attributes = "atomic = False" if name in NOT_ATOMIC else ""
        trial.write(name, operations, attributes=attributes, before=OURS)
    connection.close()
    return {
        "DJANGO_SETTINGS_MODULE": "tests.config.operations.schema_change.trial_settings",
        "DB_NAME": connection.settings_dict["NAME"],
        "TRIAL_FOLDER": str(tmp_path),
        "TRIAL_ENVIRONMENT": "test",
    }


def kill_command(process):
    os.kill(process.pid, signal.SIGKILL)


def end_sessions(process):
    execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    connection.close()


def stop_server(process):
    """Let the server go down as if the machine had lost its power, and start it again."""
    postmaster = settings.CLUSTER.data_directory / "postmaster.pid"
    os.kill(int(postmaster.read_text().split()[0]), signal.SIGQUIT)
    process.wait()
    start_cluster(cluster=settings.CLUSTER)


def state():
    """Return all that an interruption must not change."""
    rows = execute("SELECT count(*), sum(hashtextextended(to_jsonb(m)::text, 0)) FROM trial_member AS m")
    functions = execute("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1")
    triggers = execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'trial_member'::regclass AND NOT tgisinternal"
    )
    found = applied(), shape(), rows, functions, triggers, leftovers()
    connection.close()
    return found


@pytest.mark.parametrize("interrupt", [kill_command, end_sessions, stop_server])
def test_a_killed_migration_is_finished_by_typing_it_again(variables, interrupt):
    base, times, states = state(), {}, {}
    for name, arguments in COMMANDS.items():
        started = time.monotonic()
        result = manage(*arguments, **variables)
        assert result.returncode == 0, result.stderr
        times[name] = time.monotonic() - started
        states[name] = state()
    assert states["revert"][1:] == base[1:]
    seed = random.randrange(10**6)
    print(f"seed {seed}, seconds {times}")  # noqa: T201 - so that a failure can be repeated
    chance, in_time = random.Random(seed), 0

    for number in range(MOMENTS):
        name = list(COMMANDS)[number % 2]
        moment = chance.uniform(0.5, 1) * times[name] if number % 3 else chance.uniform(0, times[name])
        with start(COMMANDS[name], variables) as process:
            time.sleep(moment)  # The moment is what is tested, and any will do.
            if process.poll() is None:
                in_time += 1
                interrupt(process)
        rest = what_is_left(name)
        result = manage(*rest, **variables)
        assert result.returncode == 0, (rest, result.stderr, number, name, moment, seed)
        assert state() == states[name], (number, name, moment, seed)
    assert in_time > MOMENTS / 3


def what_is_left(name):
    """Return the command that goes on; of a revert, with as many steps as it has not taken back."""
    steps = len(applied()) - 1
    connection.close()
    if name == "migrate_safely":
        return COMMANDS[name]
    return ["revert", "--steps", str(steps), *COMMANDS["revert"][3:]] if steps else ["migration_runs"]
