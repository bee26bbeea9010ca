"""Copies elsewhere: equal to what is here, or not there at all; and the way back."""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import subprocess

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.utils.translation import override

from config.operations.backups import NoSuchBackup, list_backups
from config.operations.durable_files import NotEnoughSpace
from config.operations.maintenance import MaintenanceRunning, exclusive_folder
from config.operations.manifest import (
    FORMAT,
    Sealed,
    StoredFile,
    format_manifest,
    read_manifest,
    write_manifest,
)
from config.operations.media_files import path_of
from config.operations.offsite import NotCopied, copy_backups, fetch_backup, list_copies
from config.operations.offsite_pruning import plan_pruning_of_copies, prune_copies
from config.operations.offsite_storage import ArrivedDamaged, Offsite, OffsiteFailed
from config.operations.pins import pin_backup
from config.operations.retention import Policy
from tests.config.operations.test_backups import put
from tests.config.operations.test_manifest import hash_of, verified

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)
DUMP = b"123456789"


@pytest.fixture(autouse=True)
def english(settings):
    settings.BACKUP_OFFSITE_UNENCRYPTED = True
    with override("en"):
        yield


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


def add(folder, age=0, *contents, result="L2", now=NOW):
    """Put a backup that is `age` days old, with uploaded files of these contents."""
    moment = now - datetime.timedelta(days=age)
    files = []
    for content in contents or (b"receipt",):
        digest = hashlib.sha256(content).hexdigest()
        path = path_of(sha256=digest, folder=folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files.append(StoredFile(name=f"receipts/{digest}", size=len(content), sha256=digest))
    dump = StoredFile(name="data.dump", size=len(DUMP), sha256=hashlib.sha256(DUMP).hexdigest())
    manifest = dataclasses.replace(verified(result), files=tuple(files), dump=dump)
    name = f"{moment:%Y%m%dT%H%M%SZ}_parish_budget_a1b2c3"
    return put(folder, name, manifest=manifest, started_at=moment)


@pytest.fixture(params=["folder", "memory"])
def offsite(request, tmp_path):
    if request.param == "memory":
        return Offsite(storage=InMemoryStorage())
    (tmp_path / "offsite").mkdir()
    return Offsite(storage=FileSystemStorage(location=tmp_path / "offsite"))


def copy(offsite, folder, **options):
    return copy_backups(offsite=offsite, folder=folder, now=NOW, **options)


class FailingStorage(InMemoryStorage):
    """Does what it should `working` times, and then no longer."""

    working = 1

    def _save(self, name, content):
        if not self.working:
            raise ConnectionError("AWS_SECRET_ACCESS_KEY=abcdefgh refused")
        self.working -= 1
        return super()._save(name, content)


class RenamingStorage(InMemoryStorage):
    """Takes everything, under a name of its own."""

    def _save(self, name, content):
        return super()._save(f"{name}-1", content)


class BreakingStorage(InMemoryStorage):
    """Loses the connection while a file that ends with `broken` is read."""

    broken = "nothing"

    def _open(self, name, mode="rb"):
        if name.endswith(self.broken):
            raise ConnectionError("reset by peer")
        return super()._open(name, mode)


class LyingStorage(InMemoryStorage):
    """Returns other bytes than it was given for a name that ends with `liar`."""

    liar = "data.dump"

    def _open(self, name, mode="rb"):
        file = super()._open(name, mode)
        return ContentFile(b"987654321") if name.endswith(self.liar) else file


class TestCopyBackups:
    def test_copies_once_and_remembers_it(self, offsite, folder):
        path = add(folder)

        first, second = copy(offsite, folder), copy(offsite, folder)

        assert (first.copied, first.present, first.problems) == ((path.name,), (), {})
        assert (second.copied, second.present) == ((), (path.name,))
        [copied] = read_manifest(folder=path).copies
        assert (copied.at, copied.place) == (NOW, offsite.place)
        assert [each.state for each in list_copies(offsite=offsite)] == ["verified"]

    def test_copies_only_what_is_verified(self, offsite, folder):
        add(folder, 0, result="L1")
        add(folder, 1, result="L2!")

        assert copy(offsite, folder).copied == ()

    def test_copies_only_what_it_is_asked_for(self, offsite, folder):
        add(folder, 0)
        wanted = add(folder, 1)

        assert copy(offsite, folder, only=[wanted.name]).copied == (wanted.name,)

    def test_sends_uploaded_files_once_for_all_backups(self, folder):
        offsite = Offsite(storage=FailingStorage())
        offsite.storage.working = 3  # A file, a dump and a manifest.
        add(folder, 1)
        copy(offsite, folder)
        path = add(folder, 0)
        offsite.storage.working = 2

        assert copy(offsite, folder).copied == (path.name,)

    def test_copies_again_what_is_another_dump_by_now(self, offsite, folder):
        path = add(folder)
        copy(offsite, folder)
        dump = StoredFile(name="data.dump", size=3, sha256=hashlib.sha256(b"new").hexdigest())
        (path / "data.dump").write_bytes(b"new")
        manifest = dataclasses.replace(read_manifest(folder=path), dump=dump)
        write_manifest(folder=path, manifest=manifest)

        assert copy(offsite, folder).copied == (path.name,)
        assert offsite.read(f"{path.name}/data.dump") == b"new"

    def test_leaves_what_a_newer_release_has_copied(self, offsite, folder):
        path = add(folder)
        copy(offsite, folder)
        content = json.loads((path / "manifest.json").read_bytes())
        del content["checksum"]
        content |= {"format": FORMAT + 1}
        newer = json.dumps({**content, "checksum": hash_of(content)}).encode()
        offsite.put_text(f"{path.name}/manifest.json", newer)

        assert "newer" in copy(offsite, folder).problems[path.name]
        assert offsite.read(f"{path.name}/manifest.json") == newer

    def test_notices_when_a_storage_gives_another_name(self, folder):
        path = add(folder)
        offsite = Offsite(storage=RenamingStorage())

        assert "under another name" in copy(offsite, folder).problems[path.name]

    def test_writes_nothing_on_a_dry_run(self, offsite, folder):
        path = add(folder)

        assert copy(offsite, folder, dry_run=True).copied == (path.name,)
        assert list_copies(offsite=offsite) == ()
        assert read_manifest(folder=path).copies == ()

    def test_tells_the_copy_what_has_changed_since(self, offsite, folder):
        path = add(folder)
        copy(offsite, folder)
        pin_backup(folder=folder, name=path.name, pinned=True, now=NOW)

        again = copy(offsite, folder)

        assert again.present == (path.name,)
        assert list_copies(offsite=offsite)[0].manifest.pinned

    @pytest.mark.parametrize("content", [b"torn", DUMP[::-1]], ids=["cut off", "altered"])
    def test_repairs_a_copy_that_lost_its_end(self, offsite, folder, content):
        path = add(folder)
        copy(offsite, folder)
        offsite.delete(f"{path.name}/manifest.json")
        offsite.put_text(f"{path.name}/data.dump", content)

        assert copy(offsite, folder).copied == (path.name,)
        assert offsite.read(f"{path.name}/data.dump") == DUMP

    def test_stops_when_the_storage_fails_and_goes_on_later(self, folder):
        names = [add(folder, age).name for age in (0, 1)]
        offsite = Offsite(storage=FailingStorage())

        failed = copy(offsite, folder)
        offsite.storage.working = 100

        assert (failed.copied, list(failed.problems)) == ((), names[:1])
        assert "abcdefgh" not in failed.problems[names[0]]
        assert read_manifest(folder=folder / names[0]).copies == ()
        assert copy(offsite, folder).copied == tuple(names)

    @pytest.mark.parametrize("liar", ["data.dump", "manifest.json"])
    def test_notices_when_other_bytes_have_arrived(self, folder, liar):
        path = add(folder)
        offsite = Offsite(storage=LyingStorage())
        offsite.storage.liar = liar

        copying = copy(offsite, folder)

        assert "with another content" in copying.problems[path.name]
        assert not [each for each in list_copies(offsite=offsite) if each.is_finished]
        assert not offsite.storage.exists(f"{path.name}/{liar}")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
    def test_leaves_nothing_half_written_when_the_disk_is_full(self, folder, tmp_path):
        path = add(folder, 0, os.urandom(100_000))
        full = tmp_path / "full"
        full.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", full], check=False).returncode:
            pytest.skip("this root may not mount")
        try:
            copying = copy(Offsite(storage=FileSystemStorage(location=full)), folder)

            assert "No space left on device" in copying.problems[path.name]
            assert [each for each in full.rglob("*") if each.is_file()] == []
        finally:
            subprocess.run(["umount", full], check=True)

    def test_refuses_a_share_that_is_not_mounted(self, folder, tmp_path):
        with pytest.raises(OffsiteFailed, match="Mount it"):
            copy(Offsite(storage=FileSystemStorage(location=tmp_path / "none")), folder)

    def test_says_when_both_are_on_one_disk(self, folder, tmp_path):
        assert copy(Offsite(storage=FileSystemStorage(location=tmp_path)), folder).is_on_same_disk

    def test_names_what_is_damaged_here_and_copies_the_rest(self, offsite, folder):
        damaged, sound = add(folder, 0), add(folder, 1)
        (damaged / "data.dump").write_bytes(b"987654321")

        copying = copy(offsite, folder)

        assert copying.copied == (sound.name,)
        assert "damaged here" in copying.problems[damaged.name]

    def test_sends_in_the_clear_to_a_disk_of_our_own(self, folder, tmp_path, settings):
        settings.BACKUP_OFFSITE_UNENCRYPTED = False
        path = add(folder)

        assert copy(Offsite(storage=FileSystemStorage(location=tmp_path)), folder).copied == (path.name,)

    def test_sends_nothing_in_the_clear_to_somebody_else(self, folder, settings):
        settings.BACKUP_OFFSITE_UNENCRYPTED = False
        path = add(folder)
        offsite = Offsite(storage=InMemoryStorage())

        refused = copy(offsite, folder)
        manifest = read_manifest(folder=path)
        dump = dataclasses.replace(
            manifest.dump,
            sealed=Sealed(size=manifest.dump.size, sha256=manifest.dump.sha256, recipients="0" * 16),
        )
        write_manifest(folder=path, manifest=dataclasses.replace(manifest, dump=dump))

        assert "not encrypted" in refused.problems[path.name]
        assert copy(offsite, folder).copied == (path.name,)


class TestFetchBackup:
    @pytest.fixture
    def elsewhere(self, tmp_path):
        return tmp_path / "new machine"

    def fetch(self, offsite, folder, name="latest"):
        return fetch_backup(offsite=offsite, folder=folder, name=name, now=NOW)

    def test_brings_everything_back(self, offsite, folder, elsewhere):
        add(folder, 1)
        path = add(folder, 0, b"receipt", b"another")
        copy(offsite, folder)

        fetched = self.fetch(offsite, elsewhere)

        assert fetched == elsewhere / path.name
        assert (fetched / "data.dump").read_bytes() == DUMP
        assert [each.state for each in list_backups(folder=elsewhere)] == ["verified"]
        digest = hashlib.sha256(b"another").hexdigest()
        assert path_of(sha256=digest, folder=elsewhere).read_bytes() == b"another"
        assert copy(offsite, elsewhere).present == (path.name,)

    @pytest.mark.parametrize("name", ["data.dump", hashlib.sha256(b"receipt").hexdigest()])
    def test_leaves_nothing_of_a_damaged_copy(self, folder, elsewhere, name):
        add(folder)
        offsite = Offsite(storage=LyingStorage())
        offsite.storage.liar = "nothing"
        copy(offsite, folder)
        offsite.storage.liar = name

        with pytest.raises(ArrivedDamaged, match=name):
            self.fetch(offsite, elsewhere)

        assert list_backups(folder=elsewhere) == ()
        assert not list(elsewhere.rglob("*.partial"))

    def test_leaves_nothing_when_the_connection_breaks(self, folder, elsewhere):
        add(folder)
        offsite = Offsite(storage=BreakingStorage())
        copy(offsite, folder)
        offsite.storage.broken = hashlib.sha256(b"receipt").hexdigest()

        with pytest.raises(OffsiteFailed, match="reset by peer"):
            self.fetch(offsite, elsewhere)

        assert not list(elsewhere.rglob("*.partial"))

    def test_refuses_what_there_is_no_room_for(self, offsite, folder, elsewhere):
        path = add(folder)
        copy(offsite, folder)
        manifest = read_manifest(folder=path)
        huge = dataclasses.replace(manifest, dump=dataclasses.replace(manifest.dump, size=2**60))
        offsite.put_text(f"{path.name}/manifest.json", format_manifest(manifest=huge))

        with pytest.raises(NotEnoughSpace):
            self.fetch(offsite, elsewhere)

    def test_replaces_nothing(self, offsite, folder):
        add(folder)
        copy(offsite, folder)

        with pytest.raises(NotCopied, match="here already"):
            self.fetch(offsite, folder)

    def test_says_when_there_is_none(self, offsite, folder):
        with pytest.raises(NoSuchBackup, match="--offsite"):
            self.fetch(offsite, folder)


class TestPruneCopies:
    @pytest.fixture
    def copied(self, offsite, folder):
        for age in (0, 1, 2):
            add(folder, age)
        add(folder, 3000, b"receipt", b"old")
        copy(offsite, folder)
        return offsite

    def prune(self, offsite, folder, **options):
        plan = plan_pruning_of_copies(offsite=offsite, now=NOW, policy=Policy())
        options = {"only": plan.deletes, **options}
        return prune_copies(offsite=offsite, folder=folder, now=NOW, policy=Policy(), **options)

    def objects(self, offsite):
        return sum(len(offsite.list_folder(f"files/{each}")[1]) for each in offsite.list_folder("files")[0])

    def test_follows_the_same_rule(self, copied, folder):
        pruned = self.prune(copied, folder)

        assert (len(pruned.deletes), pruned.files, pruned.file_bytes) == (1, 1, len(b"old"))
        assert [each.state for each in list_copies(offsite=copied) if each.manifest] == ["verified"] * 3
        assert self.objects(copied) == 1
        assert len(list_backups(folder=folder)) == 4

    def test_deletes_nothing_that_was_not_agreed_to(self, copied, folder):
        assert self.prune(copied, folder, only=()).deletes == ()
        assert len(list_copies(offsite=copied)) == 4

    def test_waits_for_nobody(self, copied, folder):
        with exclusive_folder(folder=folder, task="backup", now=NOW), pytest.raises(MaintenanceRunning):
            self.prune(copied, folder)

    def test_deletes_no_uploaded_file_as_long_as_a_manifest_is_unreadable(self, copied, folder):
        damaged = add(folder, 3).name
        copy(copied, folder)
        copied.put_text(f"{damaged}/manifest.json", b"torn")

        pruned = self.prune(copied, folder)

        assert (len(pruned.deletes), pruned.unreadable) == (1, (damaged,))
        assert self.objects(copied) == 2

    def test_leaves_what_is_not_ours(self, copied, folder):
        copied.put_text("files/aa/notes.txt", b"notes")

        self.prune(copied, folder)

        assert copied.read("files/aa/notes.txt") == b"notes"

    def test_leaves_no_empty_folder_where_there_are_folders(self, folder, tmp_path):
        offsite = Offsite(storage=FileSystemStorage(location=tmp_path / "disk"))
        (tmp_path / "disk").mkdir()
        for age in (0, 1, 2, 3000):
            add(folder, age)
        copy(offsite, folder)

        [name] = self.prune(offsite, folder).deletes

        assert not (tmp_path / "disk" / name).exists()

    def test_leaves_no_backup_half_deleted(self, copied, folder, monkeypatch):
        deleted = []

        def delete(self, name):
            if deleted:
                raise OffsiteFailed("gone")
            deleted.append(name)
            self.storage.delete(name)

        with monkeypatch.context() as patch, contextlib.suppress(OffsiteFailed):
            patch.setattr(Offsite, "delete", delete)
            self.prune(copied, folder)

        assert sorted(each.state for each in list_copies(offsite=copied)) == ["partial"] + ["verified"] * 3
        assert len(self.prune(copied, folder).deletes) == 1
        assert self.objects(copied) == 1
