"""The list of what lies in the folder of the backups."""

import dataclasses

import pytest

from config.operations.backups import find_backup, list_backups
from config.operations.manifest import State, write_manifest
from tests.config.operations.test_manifest import MANIFEST, NOW, verified


def put(folder, identifier, *, manifest=MANIFEST, **changes):
    """Make a folder that looks like a finished backup."""
    path = folder / identifier
    path.mkdir()
    (path / "data.dump").write_bytes(b"123456789")
    write_manifest(folder=path, manifest=dataclasses.replace(manifest, id=identifier, **changes))
    return path


class TestListBackups:
    def test_lists_the_newest_first_whatever_they_are_called(self, tmp_path):
        put(tmp_path, "z", started_at=NOW.replace(year=2024))
        put(tmp_path, "a", started_at=NOW)

        assert [backup.name for backup in list_backups(folder=tmp_path)] == ["a", "z"]

    def test_is_empty_before_the_first_backup(self, tmp_path):
        assert list_backups(folder=tmp_path / "none") == ()

    @pytest.mark.parametrize(
        ("results", "state", "restorable"),
        [((), "complete", True), (("L2",), "verified", True), (("L2", "L0!"), "failed", False)],
    )
    def test_tells_what_each_is_worth(self, tmp_path, results, state, restorable):
        put(tmp_path, "backup", manifest=verified(*results))

        [backup] = list_backups(folder=tmp_path)

        assert (backup.state, backup.is_restorable) == (state, restorable)

    def test_tells_what_this_code_cannot_restore(self, tmp_path):
        put(tmp_path, "backup", manifest=verified("L2"), migrations=("budget.0002_users", "budget.9999_x"))

        [backup] = list_backups(folder=tmp_path)

        assert backup.unknown_migrations == ("budget.9999_x",)
        assert not backup.is_restorable
        assert backup.state == State.VERIFIED

    def test_calls_an_unfinished_one_partial(self, tmp_path):
        put(tmp_path, "backup.partial")

        [backup] = list_backups(folder=tmp_path)

        assert (backup.state, backup.is_restorable) == ("partial", False)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda path: (path / "manifest.json").unlink(),
            lambda path: (path / "data.dump").unlink(),
            lambda path: (path / "data.dump").write_bytes(b"12345678"),
            lambda path: path.rename(path.with_name("renamed")),
        ],
        ids=["no manifest", "no dump", "short dump", "renamed"],
    )
    def test_calls_a_damaged_one_damaged(self, tmp_path, damage):
        damage(put(tmp_path, "backup"))

        [backup] = list_backups(folder=tmp_path)

        assert (backup.state, backup.is_restorable) == ("damaged", False)
        assert backup.problem

    def test_leaves_out_what_is_no_folder_of_a_backup(self, tmp_path):
        for name in ("files", ".verification"):
            (tmp_path / name).mkdir()
        (tmp_path / "notes.txt").touch()

        assert list_backups(folder=tmp_path) == ()


class TestFindBackup:
    def test_finds_one_by_its_name(self, tmp_path):
        path = put(tmp_path, "backup")

        assert find_backup(folder=tmp_path, name="backup") == path

    def test_takes_the_newest_that_is_finished_for_the_latest(self, tmp_path):
        put(tmp_path, "later.partial", started_at=NOW.replace(year=2026))
        path = put(tmp_path, "earlier")

        assert find_backup(folder=tmp_path, name="latest") == path
