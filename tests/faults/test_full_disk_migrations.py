"""The server's disk fills up in the middle of a migration: the same command, typed again, finishes."""

import shutil

import pytest

from config.cluster import SCRATCH, Cluster, running, start_cluster
from tests.config.operations.schema_change.conftest import *  # noqa: F403 - its fixtures
from tests.config.operations.schema_change.trials import MEMBERS
from tests.config.servers import execute, manage, variables_of
from tests.faults.test_killed_migrations import OURS

COMMAND = ("migrate_safely", "--without-backup")
TOO_LITTLE, ROOM_FOR_ROWS = 4_000_000, 30_000_000  # bytes
SMALL, LARGE = 90_000, 250_000  # rows

AT_ONCE = 'migrations.AlterField("member", "age", BigIntegerField()),'
INDEX = 'migrations.AddIndex("member", Index(fields=["name"], name="trial_name")),'
REMARK = 'migrations.AddField("member", "remark", TextField(null=True)),'
FILLED = """
    UpdateInBatches(
        "remark", "member", {"remark": F("name")}, where=Q(remark=None), reverse=UpdateInBatches.noop
    ),
"""
CASES = {
    "at once": (SMALL, AT_ONCE, {}),
    "an index": (LARGE, INDEX, {}),
    "in batches": (LARGE, FILLED, {"attributes": "atomic = False", "before": OURS}),
}

CATALOGUE = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
     WHERE attrelid = 'trial_member'::regclass AND attnum > 0
     UNION ALL
    SELECT relname, indisvalid::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE indrelid = 'trial_member'::regclass
"""
APPLIED = "SELECT name FROM django_migrations WHERE app = 'trial' ORDER BY id"
LEFT = """
    SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE NOT indisvalid
     UNION ALL
    SELECT step FROM unfinished_steps
"""


@pytest.fixture
def cluster(disk):
    with running(cluster=Cluster(profile=SCRATCH, folder=disk / "server")) as server:
        start_cluster(cluster=server.cluster, database="live")
        yield server.cluster


@pytest.fixture
def variables(cluster, trial, tmp_path):
    """Return the variables of a process that finds the table trial_member on that disk."""
    trial.write("0001_members", MEMBERS)
    trial.write("0002_remark", REMARK)
    variables = {
        **variables_of(cluster, "live", tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.config.operations.schema_change.trial_settings",
        "TRIAL_FOLDER": str(tmp_path),
        "TRIAL_ENVIRONMENT": "test",
    }
    result = manage(*COMMAND, **variables)
    assert result.returncode == 0, result.stderr
    return variables


def fill(variables, rows):
    execute(
        variables,
        "INSERT INTO trial_member (name, age, other)"
        f" SELECT 'member ' || n, n, n FROM generate_series(1, {rows}) AS n",
    )
    execute(variables, "VACUUM ANALYZE")


@pytest.mark.parametrize("case", CASES)
def test_a_full_disk_is_named_and_what_it_stopped_is_finished(variables, trial, disk, case):
    rows, operations, more = CASES[case]
    fill(variables, rows)
    # What was written keeps its place in the log, for what will be written next: only the tables lack room.
    execute(variables, "CHECKPOINT")
    trial.write("0003_change", operations, **more)
    before = execute(variables, CATALOGUE)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - TOO_LITTLE))

    for _attempt in range(2):
        failed = manage(*COMMAND, **variables)

        assert failed.returncode == 1, failed.stderr
        assert "Traceback" not in failed.stderr
        assert "is full.\nThe server's own words:" in failed.stderr
        assert "→ Make room there, then repeat the command" in failed.stderr
        assert execute(variables, CATALOGUE) == before
    ballast.unlink()
    again = manage(*COMMAND, **variables)
    assert again.returncode == 0, again.stderr
    assert execute(variables, APPLIED)[-1] == ("0003_change",)
    assert execute(variables, LEFT) == []


def test_a_log_without_room_stops_the_server_and_the_migration_is_finished_afterwards(
    variables, cluster, trial, disk
):
    rows, operations, more = CASES["in batches"]
    fill(variables, rows)
    trial.write("0003_change", operations, **more)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - ROOM_FOR_ROWS))

    failed = manage(*COMMAND, **variables)

    assert failed.returncode == 1, failed.stderr
    assert "Traceback" not in failed.stderr
    assert "→ Mend the cause, then type the command again: manage.py migrate_safely" in failed.stderr
    ballast.unlink()
    start_cluster(cluster=cluster)
    again = manage(*COMMAND, **variables)
    assert again.returncode == 0, again.stderr
    assert execute(variables, APPLIED)[-1] == ("0003_change",)
    assert execute(variables, "SELECT count(*) FROM trial_member WHERE remark IS DISTINCT FROM name") == [
        (0,)
    ]
    assert execute(variables, LEFT) == []
