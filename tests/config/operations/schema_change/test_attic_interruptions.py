"""The attic under the real executor, interrupted at statement after statement, and gone on with."""

import itertools

import pytest
from django.db import connection
from django.utils import timezone

from config.operations.schema import ATTIC, read_schema
from config.operations.schema_change.attic import AtticKeeper
from config.operations.schema_change.attic_entries import list_attic
from tests.config.operations.schema_change.trials import MEMBERS, execute, fill, leftovers, migrate

COLUMN = 'migrations.RemoveField("Member", "name"),'
TABLES = 'migrations.DeleteModel("Member"), migrations.DeleteModel("Group"),'


class Stopped(Exception):
    """Stands for a kill."""


def stopping(at):
    """Return a wrapper that fails after the statement of this number, counted from one."""
    numbers = itertools.count(1)

    def wrap(execute, *arguments):
        result = execute(*arguments)
        if next(numbers) == at:
            raise Stopped
        return result

    return wrap


def go(target, *, stop_at):
    """Migrate with an interruption, and once more."""
    keeper = AtticKeeper(now=timezone.now())
    try:
        with connection.execute_wrapper(stopping(stop_at)):
            migrate(target, keeper=keeper)
    except Exception as error:
        if not is_stop(error):
            raise
        connection.close()
        migrate(target, keeper=keeper)


def is_stop(error):
    while error is not None and not isinstance(error, Stopped):
        error = error.__cause__ or error.__context__
    return error is not None


def everything():
    return read_schema(connection=connection, excluded=[ATTIC]), [
        execute(f"SELECT to_jsonb(every_row) FROM {table} AS every_row ORDER BY 1")
        for table in ("trial_group", "trial_member")
    ]


STEP_BY_STEP, AT_ONCE = "atomic = False", ""


@pytest.mark.parametrize(
    ("operations", "attributes", "stop_at"),
    [
        (COLUMN, AT_ONCE, 30),
        (TABLES, AT_ONCE, 30),
        (TABLES, STEP_BY_STEP, 45),
        (COLUMN, STEP_BY_STEP, 45),
        (COLUMN, STEP_BY_STEP, 76),  # While the constraints of the column come back.
    ],
)
def test_comes_to_the_same_end_after_an_interruption(trial, operations, attributes, stop_at):
    trial.write("0001_members", MEMBERS)
    migrate("0001_members")
    fill()
    before = everything()
    trial.write("0002_dropped", operations, attributes=attributes)

    go("0002_dropped", stop_at=stop_at)
    go("0001_members", stop_at=stop_at)

    assert everything() == before
    assert leftovers() == []
    assert list_attic(connection=connection) == ()
