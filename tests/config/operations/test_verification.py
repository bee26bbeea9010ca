"""Whether a damaged backup is found, and whether a good one passes."""

import dataclasses
import shutil
import signal
import subprocess
import sys

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils.translation import override

from config.cluster import SCRATCH, Cluster, cluster_status, start_cluster
from config.operations import restored_database
from config.operations import verification as verifications
from config.operations.backups import LATEST, NoSuchBackup
from config.operations.fingerprints import Fingerprint
from config.operations.manifest import FILE_NAME, Level, State, read_manifest, write_manifest
from config.operations.scratch_cluster import FOLDER
from config.operations.verification import UnableToVerify, verify_backup
from tests.config.operations.backup_sources import (
    NOW,
    back_up,
    eventually,
    processes,
    session,
    source_database,
)
from tests.config.servers import PROJECT


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LANGUAGE_CODE", "en")
    with override("en"):
        yield


@pytest.fixture(scope="module")
def originals(django_db_setup, django_db_blocker, tmp_path_factory):
    """Return a folder with two backups, of which nothing is changed."""
    name = f"{connection.settings_dict['NAME']}_verified"
    home = tmp_path_factory.mktemp("originals")
    FileSystemStorage(location=home / "media").save("receipts/1.jpg", ContentFile(b"first"))
    with django_db_blocker.unblock(), source_database(name):
        back_up(home / "backups", media=home / "media")
        with session() as database:
            database.execute("INSERT INTO without_a_key VALUES ('later')")
        back_up(home / "backups", media=home / "media")
    with django_db_blocker.unblock():
        yield home / "backups"


@pytest.fixture
def folder(originals, tmp_path):
    return shutil.copytree(originals, tmp_path / "backups")


@pytest.fixture
def backup(folder):
    return sorted(folder.glob("2*"))[0]


def verify(path, level=Level.RESTORED):
    return verify_backup(folder=path.parent, name=path.name, level=level, now=NOW).verification


def change_manifest(path, **changes):
    """Write another manifest, as one would be that has always said so."""
    write_manifest(folder=path, manifest=dataclasses.replace(read_manifest(folder=path), **changes))


def flip_a_bit(path, position):
    content = bytearray(path.read_bytes())
    content[int(position * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def cut_off(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * (len(content) - 1))])


def other_backup(path):
    [other] = [each for each in path.parent.glob("2*") if each != path]
    return other


DAMAGES = {
    "dump cut off at the last byte": lambda path: cut_off(path / "data.dump", 1),
    "dump cut off in the middle": lambda path: cut_off(path / "data.dump", 0.5),
    "dump cut off near its beginning": lambda path: cut_off(path / "data.dump", 0.01),
    "dump empty": lambda path: (path / "data.dump").write_bytes(b""),
    "dump missing": lambda path: (path / "data.dump").unlink(),
    "dump of another backup": lambda path: shutil.copy(other_backup(path) / "data.dump", path / "data.dump"),
    "first bit flipped": lambda path: flip_a_bit(path / "data.dump", 0),
    "bit flipped in the table of contents": lambda path: flip_a_bit(path / "data.dump", 0.05),
    "bit flipped in the middle": lambda path: flip_a_bit(path / "data.dump", 0.5),
    "last bit flipped": lambda path: flip_a_bit(path / "data.dump", 1),
    "manifest missing": lambda path: (path / FILE_NAME).unlink(),
    "manifest cut off": lambda path: cut_off(path / FILE_NAME, 0.7),
    "manifest of another backup": lambda path: shutil.copy(other_backup(path) / FILE_NAME, path / FILE_NAME),
    "bit of the manifest flipped": lambda path: flip_a_bit(path / FILE_NAME, 0.6),
    "uploaded file missing": lambda path: shutil.rmtree(path.parent / "files"),
}


class TestVerifyBackup:
    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
    def test_finds_damage_by_hashes_alone(self, backup, damage):
        damage(backup)

        verification = verify(backup, Level.HASH)

        assert not verification.passed
        assert verification.problems

    @pytest.mark.parametrize("level", Level)
    def test_passes_what_is_sound_and_remembers_it(self, backup, level):
        verification = verify(backup, level)

        manifest = read_manifest(folder=backup)
        assert verification.problems == ()
        assert manifest.verified == (verification,)
        assert (manifest.state is State.VERIFIED) is (level is Level.RESTORED)

    def test_remembers_a_failure(self, backup):
        cut_off(backup / "data.dump", 0.5)

        verify(backup)

        assert read_manifest(folder=backup).state is State.FAILED

    def test_reads_the_dump_to_its_end(self, backup):
        """As if the damage had been there when the hash was taken."""
        flip_a_bit(backup / "data.dump", 0.5)
        dump = read_manifest(folder=backup).dump
        digest = verifications.sha256_of(backup / "data.dump")
        change_manifest(backup, dump=dataclasses.replace(dump, sha256=digest))

        verification = verify(backup, Level.READ)

        assert verification.problems[0].startswith("The dump cannot be read to its end: pg_restore")

    def test_compares_the_restored_database(self, backup):
        manifest = read_manifest(folder=backup)
        other = {
            "public.events": Fingerprint(rows=manifest.tables["public.events"].rows, hash="1"),
            "archive.events": Fingerprint(rows=2, hash="1"),
            "public.lost": Fingerprint(rows=0, hash="0"),
        }
        change_manifest(
            backup,
            tables={**manifest.tables, **other},
            sequences={**manifest.sequences, "public.events_id_seq": 3001},
            schema={**manifest.schema, "Name: events_status; Type: INDEX; Schema: public": "ab"},
        )

        verification = verify(backup)

        assert verification.problems == (
            "The table archive.events has 1 rows instead of 2.",
            "The rows of the table public.events have other contents.",
            "The table public.lost is missing.",
            "The sequence public.events_id_seq is behind the one that was backed up.",
            "The definition differs: Name: events_status; Type: INDEX; Schema: public",
        )

    def test_reports_a_dump_that_cannot_be_restored(self, backup, monkeypatch, tmp_path):
        monkeypatch.setattr(restored_database, "restore_archive", fail_to_restore)

        assert verify(backup).problems == ("The dump cannot be restored: pg_restore: out of luck",)

    def test_blames_a_full_disk_and_not_the_backup(self, backup, monkeypatch):
        monkeypatch.setattr(verifications, "_CLUSTER_BYTES", 10**18)

        with pytest.raises(UnableToVerify, match="free disk space"):
            verify(backup)

        assert read_manifest(folder=backup).state is State.COMPLETE

    def test_blames_a_missing_server_and_not_the_backup(self, backup, monkeypatch):
        monkeypatch.setattr("config.cluster._installed", lambda: iter(()))

        with pytest.raises(UnableToVerify, match="which the data need, is missing"):
            verify(backup)

        assert read_manifest(folder=backup).state is State.COMPLETE

    def test_needs_the_database_no_longer(self, backup):
        """The source of these backups has been dropped."""
        assert verify(backup).passed

    def test_takes_the_newest_by_default(self, folder, backup):
        change_manifest(backup, started_at=NOW.replace(year=2026))

        verified = verify_backup(folder=folder, name=LATEST, level=Level.HASH, now=NOW)

        assert verified.name == backup.name

    @pytest.mark.parametrize("name", ["nothing", "files", ".verification", "..", "", LATEST])
    def test_refuses_a_name_that_is_no_backup(self, tmp_path, name):
        (tmp_path / "files").mkdir()

        with pytest.raises(NoSuchBackup):
            verify(tmp_path / name if name else tmp_path / "x" / "..", Level.HASH)


def fail_to_restore(**arguments):
    raise verifications.ProgramFailed("pg_restore: out of luck")


class TestScratchCluster:
    def test_is_gone_afterwards(self, folder, backup):
        verify(backup)

        assert not (folder / FOLDER).exists()
        assert processes(folder) == []

    def test_is_gone_after_a_failure(self, folder, backup, monkeypatch):
        monkeypatch.setattr(restored_database, "restore_archive", interrupt)

        with pytest.raises(KeyboardInterrupt):
            verify(backup)

        assert not (folder / FOLDER).exists()
        assert processes(folder) == []

    def test_is_removed_by_its_guardian_when_nobody_else_is_left(self, folder):
        program = (
            "from pathlib import Path\nfrom config.operations.scratch_cluster import scratch_cluster\n"
            f"with scratch_cluster(folder=Path({str(folder)!r}), major=None) as cluster:\n"
            "    print(cluster.folder, flush=True)\n    input()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            cluster = Cluster(profile=SCRATCH, folder=process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)

        assert cluster.folder
        assert eventually(lambda: processes(folder) == [] and not (folder / FOLDER).exists())

    def test_is_removed_by_the_next_when_the_guardian_was_killed_too(self, folder, backup):
        leftover = Cluster(profile=SCRATCH, folder=folder / FOLDER / "leftover")
        start_cluster(cluster=leftover)

        verify(backup)

        assert cluster_status(cluster=leftover).state == "absent"
        assert not (folder / FOLDER).exists()


def interrupt(**arguments):
    raise KeyboardInterrupt
