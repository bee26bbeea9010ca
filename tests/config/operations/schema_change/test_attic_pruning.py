import datetime

import pytest
from django.db import connection, migrations, models

from config.operations.models import Direction
from config.operations.schema_change.attic import AtticKeeper
from config.operations.schema_change.attic_entries import list_attic
from config.operations.schema_change.attic_pruning import Reason, plan_pruning, prune_attic
from tests.config.operations.schema_change.invented_migrations import Invented, create, execute
from tests.config.operations.test_pruning import add

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)  # As in test_pruning.


@pytest.fixture
def attic(own_database):
    """Drop three tables: 100 days ago, 80 days ago, and an hour ago."""
    names = ("Old", "Young", "New")
    series = Invented(*map(create, names), *map(migrations.DeleteModel, names))
    series.forwards(3)
    for age in (datetime.timedelta(days=100), datetime.timedelta(days=80), datetime.timedelta(hours=1)):
        series.now = NOW - age
        series.forwards()


def plan(folder, *, now=NOW):
    return plan_pruning(connection=connection, folder=folder, now=now, days=90)


def reasons(folder, **options):
    return [(each.entry.place.table, each.reason) for each in plan(folder, **options)]


class TestPruneAttic:
    def test_deletes_what_was_dropped_long_before_the_newest_verified_backup(self, attic, tmp_path):
        add(tmp_path, 1)

        decisions = plan(tmp_path)
        names = [each.entry.name for each in decisions]
        deleted = prune_attic(connection=connection, decisions=decisions, only=names)

        assert reasons(tmp_path) == [("young", Reason.RECENT), ("new", Reason.UNSAVED)]
        assert [entry.name for entry in deleted] == names[:1]

    def test_deletes_nothing_that_was_not_agreed_to(self, attic, tmp_path):
        add(tmp_path, 1)

        prune_attic(connection=connection, decisions=plan(tmp_path), only=["old"])

        assert len(list_attic(connection=connection)) == 3

    @pytest.mark.parametrize(
        ("backups", "now"),
        [
            ([], NOW),
            ([(1, "L1")], NOW),
            ([(50, "L2")], NOW + datetime.timedelta(days=500)),
            ([(-9, "L2")], NOW),
        ],
        ids=["no backup", "none verified", "clock ahead", "backup of the future"],
    )
    def test_takes_nothing_for_old_as_long_as_no_backup_proves_it(self, attic, tmp_path, backups, now):
        for age, result in backups:
            add(tmp_path, age, result=result)

        assert all(each.keeps for each in plan(tmp_path, now=now))

    def test_leaves_what_is_still_being_copied(self, own_database, tmp_path):
        execute("CREATE TABLE unfinished_steps (step text PRIMARY KEY, state jsonb, updated_at timestamptz)")
        series = Invented(
            create("Thing", ("it", models.TextField())),
            migrations.RemoveField("Thing", "it"),
            large_tables={"thing"},
            in_transaction=False,
        )
        series.forwards()
        add(tmp_path, 0)
        keeper = AtticKeeper(now=NOW - datetime.timedelta(days=100))
        keeper.prepare(series.context(1, Direction.APPLY))

        assert reasons(tmp_path) == [("thing", Reason.GROWING)]
