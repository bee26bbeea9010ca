"""Deleting backups: only those agreed to, never half, and no uploaded file that another one needs."""

import dataclasses
import datetime

import pytest
from django.utils.translation import override

from config.operations import pruning
from config.operations.backups import list_backups
from config.operations.maintenance import MaintenanceRunning, exclusive_folder
from config.operations.manifest import StoredFile
from config.operations.media_files import path_of
from config.operations.pins import pin_backup
from config.operations.pruning import plan_pruning, prune_backups
from config.operations.retention import Policy
from tests.config.operations.test_backups import put
from tests.config.operations.test_manifest import verified

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


def add(folder, age, *hashes, result="L2"):
    """Put a backup that is `age` days old and holds an uploaded file of each of the hashes."""
    moment = NOW - datetime.timedelta(days=age)
    files = tuple(StoredFile(name=f"receipts/{each[0]}", size=1, sha256=each) for each in hashes)
    for each in hashes:
        path = path_of(sha256=each, folder=folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    name = f"{moment:%Y%m%dT%H%M%SZ}_parish_budget_a1b2c3"
    manifest = dataclasses.replace(verified(result), files=files)
    return put(folder, name, manifest=manifest, started_at=moment)


COMMON, OLD, NEW = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def folder(tmp_path):
    """Return a folder with three backups to keep and an old one."""
    for age in (0, 1, 2):
        add(tmp_path, age, COMMON, NEW)
    add(tmp_path, 3000, COMMON, OLD)
    return tmp_path


def prune(folder, **options):
    plan = plan_pruning(folder=folder, now=NOW, policy=Policy())
    return prune_backups(folder=folder, now=NOW, policy=Policy(), **{"only": plan.deletes, **options})


def states(folder):
    return [backup.state for backup in list_backups(folder=folder)]


def objects(folder):
    return sorted(path.name for path in folder.glob("files/*/*"))


class TestPruneBackups:
    def test_deletes_what_is_not_kept_and_the_files_only_it_held(self, folder):
        pruned = prune(folder)

        assert (len(pruned.deletes), pruned.files, pruned.file_bytes) == (1, 1, 1)
        assert states(folder) == ["verified"] * 3
        assert objects(folder) == [COMMON, NEW]

    def test_plans_the_same_without_deleting(self, folder):
        plan = plan_pruning(folder=folder, now=NOW, policy=Policy())

        assert (len(plan.deletes), plan.files) == (1, 1)
        assert len(states(folder)) == 4
        assert objects(folder) == [COMMON, OLD, NEW]

    def test_deletes_nothing_that_was_not_agreed_to(self, folder):
        prune(folder, only=())

        assert len(states(folder)) == 4
        assert objects(folder) == [COMMON, OLD, NEW]

    def test_keeps_a_pinned_one_until_it_is_unpinned(self, folder):
        [old] = plan_pruning(folder=folder, now=NOW, policy=Policy()).deletes
        pin_backup(folder=folder, name=old, pinned=True, now=NOW)
        kept = prune(folder).deletes
        pin_backup(folder=folder, name=old, pinned=False, now=NOW)

        assert (kept, prune(folder).deletes) == ((), (old,))

    @pytest.mark.parametrize("moment", ["after the rename", "in the middle"])
    def test_is_finished_by_the_next_one_after_an_interruption(self, folder, monkeypatch, moment):
        def interrupt(path):
            if moment == "in the middle":
                (path / "manifest.json").unlink()
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(pruning, "remove_tree", interrupt)
            with pytest.raises(KeyboardInterrupt):
                prune(folder)

        assert sorted(states(folder)) == ["deleting", "verified", "verified", "verified"]
        prune(folder)
        assert states(folder) == ["verified"] * 3
        assert objects(folder) == [COMMON, NEW]

    def test_deletes_no_uploaded_file_as_long_as_a_manifest_is_unreadable(self, folder):
        damaged = add(folder, 3, OLD)
        (damaged / "manifest.json").write_text("torn")

        pruned = prune(folder)

        assert pruned.unreadable == (damaged.name,)
        assert len(pruned.deletes) == 1
        assert objects(folder) == [COMMON, OLD, NEW]

    def test_leaves_what_is_not_ours(self, folder):
        (folder / "photographs").mkdir()
        (folder / "files" / "aa" / "notes.txt").touch()

        prune(folder)

        assert (folder / "photographs").is_dir()
        assert (folder / "files" / "aa" / "notes.txt").exists()

    def test_waits_for_nobody(self, folder):
        with exclusive_folder(folder=folder, task="backup", now=NOW), pytest.raises(MaintenanceRunning):
            prune(folder)

        assert len(states(folder)) == 4
