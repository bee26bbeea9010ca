"""Whether a full disk and an old backup are noticed."""

import datetime
import shutil
from types import SimpleNamespace

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection

from config.operations.backup import create_backup
from config.operations.manifest import Level
from config.operations.schema_change.preflight.remarks import Outcome
from config.operations.schema_change.preflight.room import check_backup, check_disk
from tests.config.operations.schema_change.preflight.circumstances import NOW, circumstances, problems

HOUR = datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def backups(copied_database, tmp_path_factory):
    """Return a folder with a backup that was taken at NOW and restored aside."""
    home = tmp_path_factory.mktemp("backups")
    storage = FileSystemStorage(location=home / "media")
    create_backup(folder=home / "backups", level=Level.RESTORED, storage=storage, now=NOW, alias="default")
    return home / "backups"


def full_disk(free):
    return lambda folder: SimpleNamespace(free=free)


@pytest.mark.usefixtures("copied_database")
class TestCheckDisk:
    def test_looks_at_the_backups_and_at_the_data_directory(self, strict):
        remarks = list(check_disk(strict))

        assert problems(remarks) == []
        assert len(remarks) == 2

    @pytest.mark.parametrize("free", [1_999_999_999, 0])
    def test_wants_two_gigabytes(self, strict, monkeypatch, free):
        monkeypatch.setattr(shutil, "disk_usage", full_disk(free))

        outcomes = {(outcome, sentence[:8]) for outcome, sentence, _remedy in problems(check_disk(strict))}

        assert outcomes == {(Outcome.FAILED, f"Only {free / 1e9:.1f}")}

    def test_says_what_it_cannot_see(self, strict, monkeypatch, settings):
        settings.CLUSTER = None
        monkeypatch.setattr(
            "config.operations.schema_change.preflight.room._local_data_directory", lambda asked: None
        )

        assert "cannot be seen from here" in list(check_disk(strict))[-1].sentence


@pytest.mark.usefixtures("copied_database")
class TestCheckBackup:
    @pytest.mark.parametrize(
        ("hours", "outcomes", "words"),
        [
            (1, [], ""),
            (25, [Outcome.FAILED], "25.0 hours old; 24 are allowed"),
            (-1, [Outcome.FAILED], "is of the future"),
        ],
    )
    def test_wants_a_young_one(self, backups, hours, outcomes, words):
        found = problems(check_backup(circumstances(backups, now=NOW + hours * HOUR)))

        assert [outcome for outcome, _sentence, _remedy in found] == outcomes
        assert all(words in sentence and "manage.py backup" in remedy for _, sentence, remedy in found)

    def test_follows_the_setting(self, backups, settings):
        settings.BACKUP_MAX_AGE = 48

        assert problems(check_backup(circumstances(backups, now=NOW + 47 * HOUR))) == []

    def test_takes_none_of_another_database_for_one(self, backups, monkeypatch):
        monkeypatch.setattr(
            "config.operations.schema_change.preflight.room._IDENTITY", "SELECT current_database(), '1'"
        )

        [(outcome, sentence, _remedy)] = problems(check_backup(circumstances(backups)))

        assert outcome is Outcome.FAILED
        assert sentence.startswith("There is no verified backup of this database")

    def test_takes_an_unverified_one_for_none(self, tmp_path, strict, lenient):
        create_backup(
            folder=tmp_path,
            level=None,
            storage=FileSystemStorage(location=tmp_path / "media"),
            now=NOW,
            alias="default",
        )

        assert [outcome for outcome, *_ in problems(check_backup(strict))] == [Outcome.FAILED]
        assert [outcome for outcome, *_ in problems(check_backup(lenient))] == [Outcome.WARNING]
        assert connection.is_usable()
