import datetime

import pytest
from django.core.files.storage import InMemoryStorage
from django.db import connections

from config.operations.backup import create_backup
from config.operations.models import Rehearsal
from config.operations.schema_change.rehearsal import RehearsalOrder, UnableToRehearse, rehearse
from config.operations.schema_change.rehearsal_report import describe_rehearsal
from tests.config.operations.schema_change.trials import MEMBERS, applied, execute, fill, migrate, plan_for

NOW = datetime.datetime(2026, 3, 1, 9, tzinfo=datetime.UTC)

pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture
def backed_up(trial, tmp_path):
    """Return the trial with a table that has rows, and a backup of it in `tmp_path`."""
    trial.write("0001", MEMBERS)
    migrate("0001", large=())
    fill()
    create_backup(folder=tmp_path, level=None, now=NOW, alias="default", storage=InMemoryStorage())
    return trial


@pytest.fixture
def rehearsed(backed_up, tmp_path):
    """Return a function that rehearses migrations, each given by its operations."""

    def run(*migrations):
        for number, operations in enumerate(migrations, start=2):
            backed_up.write(f"{number:04}", operations)
        return rehearse(order=RehearsalOrder(folder=tmp_path, now=NOW, alias="default"))

    return run


def words(rehearsed):
    return "\n".join(describe_rehearsal(rehearsed=rehearsed))


class TestRehearse:
    def test_brings_back_a_column_that_may_not_be_empty_and_records_what_it_saw(self, rehearsed):
        found = rehearsed('migrations.RemoveField("member", "age")')

        [record] = Rehearsal.objects.all()
        [forwards], [backwards], [again] = found.forwards, found.backwards, found.again
        [lock] = [lock for lock in forwards.locks if lock.table == "trial_member"]
        assert found.problems == found.remarks == ()
        assert lock.mode.name == "ACCESS_EXCLUSIVE"
        assert forwards.written > 0
        assert {each.outcome.name for each in (forwards, backwards, again)} == {"trial.0002"}
        assert record.passed
        assert record.plan == plan_for("newest", large=()).fingerprint
        assert record.report["migrations"][0]["seconds"] == forwards.outcome.seconds
        assert "Passed: forwards, back and forwards again." in words(found)

        assert applied() == ["0001"]
        assert execute("SELECT count(age) FROM trial_member") == [(10,)]
        assert [alias for alias in connections if alias.startswith("scratch")] == []

    def test_finds_a_reverse_that_gives_back_another_schema_and_remarks_on_changed_rows(self, rehearsed):
        found = rehearsed(
            'migrations.RunSQL("UPDATE trial_member SET age = age + 1", "")',
            'migrations.RunSQL("ALTER TABLE trial_group ALTER code SET DEFAULT 1", "SELECT 1")',
        )

        assert not found.passed
        assert "Taken back: the schema differs from the one before in “Name: trial_group" in words(found)
        assert "Taken back: rows of trial_member differ from those before" in words(found)
        assert not Rehearsal.objects.get().passed

    def test_stops_at_a_migration_that_fails_on_the_rows(self, rehearsed):
        young = "migrations.AddConstraint('member', CheckConstraint(condition=Q(age__lt=5), name='young'))"

        found = rehearsed(young)

        assert not found.passed
        assert "trial.0002" in words(found)
        assert found.backwards == ()

    def test_does_not_try_backwards_what_cannot_be_taken_back(self, rehearsed):
        found = rehearsed('migrations.RunSQL("UPDATE trial_member SET age = 1")')

        assert found.passed
        assert found.backwards == ()
        assert "cannot be taken back: trial.0002" in words(found)

    def test_has_nothing_to_try_when_nothing_is_pending(self, rehearsed):
        found = rehearsed()

        assert found.passed
        assert words(found).startswith("Nothing is pending in the backup ")
        assert not Rehearsal.objects.exists()

    def test_needs_a_backup(self, trial, tmp_path):
        with pytest.raises(UnableToRehearse, match=r"manage\.py"):
            rehearse(order=RehearsalOrder(folder=tmp_path / "empty", now=NOW, alias="default"))
