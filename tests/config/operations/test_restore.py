"""Restoring: what comes back, what is kept, and what leaves the live database as it was."""

import dataclasses
import datetime

import psycopg
import pyrage
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils.translation import override

from config.operations import restore as restoring
from config.operations.backups import find_backup
from config.operations.confirmation import NotConfirmed
from config.operations.encryption import Identities
from config.operations.maintenance import exclusive_folder
from config.operations.manifest import Level, read_manifest, write_manifest
from config.operations.neighbours import KEPT_DAYS
from config.operations.restore import RowChange, UnableToRestore, plan_restore, restore_backup
from config.operations.restore_undo import UnableToUndo, undo_restore
from config.operations.verification import verify_backup
from tests.config.operations.backup_sources import (
    NOW,
    back_up,
    backends,
    databases_beside,
    session,
    source_database,
)
from tests.config.servers import administer

LATER = NOW + datetime.timedelta(minutes=5)


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def live(django_db_setup, django_db_blocker, monkeypatch):
    """Name a small database that the default connection leads to."""
    name = f"{connection.settings_dict['NAME']}_live"
    monkeypatch.setattr(restoring, "require_space", lambda **facts: 0)
    with django_db_blocker.unblock(), source_database(name):
        yield name
        for beside in databases_beside(name):
            administer("DROP DATABASE {} WITH (FORCE)", beside)


@pytest.fixture
def storage(tmp_path):
    storage = FileSystemStorage(location=tmp_path / "media")
    storage.save("receipts/1.jpg", ContentFile(b"first"))
    storage.save("receipts/2.jpg", ContentFile(b"second"))
    return storage


@pytest.fixture
def folder(live, storage, tmp_path):
    """Return a folder with one backup of the live database."""
    back_up(tmp_path / "backups", media=storage.location)
    return tmp_path / "backups"


def restore(folder, storage, *, name="latest", now=LATER, confirm=lambda plan: True, **options):
    return restore_backup(
        folder=folder,
        name=name,
        now=now,
        confirm=confirm,
        storage=storage,
        **options,
    )


def undo(folder, storage, *, now=LATER, confirm=lambda kept: True, **options):
    return undo_restore(folder=folder, now=now, confirm=confirm, storage=storage, **options)


def count(table, database=None):
    with session(**({"dbname": database} if database else {})) as asked:
        [[rows]] = asked.execute(f"SELECT count(*) FROM {table}").fetchall()
    return rows


def execute(statement):
    with session() as database:
        database.execute(statement)


def read(storage, name):
    with storage.open(name) as file:
        return file.read()


class TestRestoreBackup:
    def test_brings_back_every_row_and_every_file(self, live, folder, storage):
        execute("DELETE FROM events; INSERT INTO without_a_key VALUES ('later')")
        storage.delete("receipts/1.jpg")
        storage.delete("receipts/2.jpg")
        storage.save("receipts/2.jpg", ContentFile(b"SECOND"))

        restoration = restore(folder, storage)

        assert (count("events"), count("without_a_key")) == (3000, 3)
        assert read(storage, "receipts/1.jpg") == b"first"
        assert read(storage, "receipts/2.jpg") == b"second"
        assert restoration.returned_files == 2

    def test_brings_every_row_and_every_file_of_an_encrypted_one_back(self, live, storage, tmp_path):
        key = pyrage.x25519.Identity.generate()
        back_up(tmp_path / "backups", media=storage.location, recipients=[str(key.to_public())])
        execute("DELETE FROM events")
        storage.delete("receipts/1.jpg")

        restore(tmp_path / "backups", storage, identities=Identities(keys=(key,)))

        assert count("events") == 3000
        assert read(storage, "receipts/1.jpg") == b"first"

    def test_keeps_what_was_there_under_another_name(self, live, folder, storage):
        execute("INSERT INTO without_a_key VALUES ('later')")

        restoration = restore(folder, storage)

        assert databases_beside(live) == [restoration.kept] == [f"{live}_old_20250805_030500"]
        assert count("without_a_key", restoration.kept) == 4

    def test_backs_up_first_what_it_replaces(self, live, folder, storage):
        execute("INSERT INTO without_a_key VALUES ('later')")

        restoration = restore(folder, storage)

        manifest = read_manifest(folder=folder / restoration.safety_backup)
        assert manifest.tables["public.without_a_key"].rows == 4
        assert "before the restore of" in manifest.reason

    def test_tells_beforehand_which_tables_will_have_other_numbers_of_rows(self, live, folder, storage):
        execute("DELETE FROM events WHERE id <= 10; CREATE TABLE later (); DROP TABLE archive.events")
        plans = []

        with pytest.raises(NotConfirmed):
            restore(folder, storage, confirm=plans.append)

        assert plans[0].changes == (
            RowChange(table="archive.events", now=None, then=1),
            RowChange(table="public.events", now=2990, then=3000),
            RowChange(table="public.later", now=0, then=None),
        )
        assert plan_restore(folder=folder, name="latest", now=LATER).changes == plans[0].changes

    def test_changes_nothing_unless_it_is_confirmed(self, live, folder, storage):
        execute("DELETE FROM events")
        storage.delete("receipts/1.jpg")

        with pytest.raises(NotConfirmed):
            restore(folder, storage, confirm=lambda plan: False)

        assert (count("events"), databases_beside(live)) == (0, [])
        assert not storage.exists("receipts/1.jpg")

    def test_brings_a_database_back_that_is_gone(self, live, folder, storage):
        administer("DROP DATABASE {} WITH (FORCE)", live)

        restoration = restore(folder, storage)

        assert count("events") == 3000
        assert (restoration.kept, restoration.safety_backup) == (None, None)

    def test_disconnects_whoever_uses_the_database(self, live, folder, storage):
        with session() as user:
            user.execute("BEGIN; DELETE FROM organizations WHERE id = 99")

            restore(folder, storage)

            with pytest.raises(psycopg.OperationalError):
                user.execute("SELECT 1")
        assert count("organizations") == 10

    def test_keeps_the_settings_of_the_database(self, live, folder, storage):
        administer("ALTER DATABASE {} SET search_path = archive, public", live)
        administer("ALTER DATABASE {} SET work_mem = '7MB'", live)

        restore(folder, storage)

        with psycopg.connect(**{**connection.get_connection_params(), "options": ""}) as database:
            [[path, memory]] = database.execute(
                "SELECT current_setting('search_path'), current_setting('work_mem')"
            ).fetchall()
        assert (path, memory) == ("archive, public", "7MB")

    def test_gathers_statistics_before_anybody_asks(self, live, folder, storage):
        restore(folder, storage)

        with session() as database:
            [[rows]] = database.execute(
                "SELECT reltuples FROM pg_class WHERE oid = 'public.events'::regclass"
            ).fetchall()
        assert rows == 3000

    def test_names_the_migrations_that_are_newer_than_the_backup(self, live, folder, storage):
        newer = restore(folder, storage).newer_migrations

        assert "budget.0001_extensions" in newer
        assert "budget.0002_users" not in newer

    def test_finds_room_for_its_names_beside_a_long_one(
        self, django_db_setup, django_db_blocker, storage, tmp_path
    ):
        name = f"{connection.settings_dict['NAME']}_교리교사회".ljust(60, "x")[:50]
        with django_db_blocker.unblock(), source_database(name):
            back_up(tmp_path / "backups", media=storage.location)

            kept = restore(tmp_path / "backups", storage).kept
            undo(tmp_path / "backups", storage, now=NOW)

            assert len(kept.encode()) <= 63
            for beside in databases_beside(name):
                administer("DROP DATABASE {} WITH (FORCE)", beside)
            assert count("events") == 3000

    def test_drops_what_was_kept_for_long_enough(self, live, folder, storage):
        first = restore(folder, storage)
        backup = read_manifest(folder=find_backup(folder=folder, name="latest")).id
        later = LATER + datetime.timedelta(days=KEPT_DAYS, seconds=1)

        second = restore(folder, storage, name=backup, now=later)

        assert second.dropped == (first.kept,)
        assert databases_beside(live) == [second.kept]

    def test_drops_what_an_interrupted_one_has_left(self, live, folder, storage):
        administer("CREATE DATABASE {}", f"{live}_restore_20250101_000000")
        administer("CREATE DATABASE {}", f"{live}_restore_of_somebody")

        restoration = restore(folder, storage)

        assert databases_beside(live) == [restoration.kept, f"{live}_restore_of_somebody"]


class TestRefusal:
    """Whatever is wrong, the live database is as it was, and nothing is left beside it."""

    @pytest.fixture(autouse=True)
    def nothing_changes(self, live, folder, storage):
        execute("DELETE FROM events WHERE id <= 10")
        yield
        assert count("events") == 2990
        assert databases_beside(live) == []
        assert backends(live) == []

    @staticmethod
    def manifest_of(folder):
        path = find_backup(folder=folder, name="latest")
        return path, read_manifest(folder=path)

    def test_of_a_dump_that_was_damaged(self, folder, storage):
        path, _manifest = self.manifest_of(folder)
        content = bytearray((path / "data.dump").read_bytes())
        content[len(content) // 2] ^= 1
        (path / "data.dump").write_bytes(content)

        with pytest.raises(UnableToRestore, match=r"its hash differs\.\n→ Look for another one"):
            restore(folder, storage)

    def test_of_a_backup_that_has_failed_its_verification(self, folder, storage):
        path, manifest = self.manifest_of(folder)
        (path / "data.dump").rename(path / "gone")
        verify_backup(folder=folder, name=path.name, level=Level.HASH, now=NOW)
        (path / "gone").rename(path / "data.dump")

        with pytest.raises(UnableToRestore, match="it has failed its verification"):
            restore(folder, storage, name=manifest.id)

    def test_of_a_backup_with_unknown_migrations(self, folder, storage):
        execute("INSERT INTO django_migrations (app, name) VALUES ('budget', '9999_x')")
        ahead = back_up(folder, media=storage.location)

        with pytest.raises(UnableToRestore, match=r"does not know: budget\.9999_x\n→ Check out the release"):
            restore(folder, storage, name=ahead.path.name)

    def test_of_what_does_not_exist(self, folder, storage):
        with pytest.raises(UnableToRestore, match="There is no backup nothing"):
            restore(folder, storage, name="nothing")

    def test_when_the_restored_rows_are_not_those_of_the_manifest(self, folder, storage):
        path, manifest = self.manifest_of(folder)
        tables = {**manifest.tables, "public.events": manifest.tables["public.organizations"]}
        write_manifest(folder=path, manifest=dataclasses.replace(manifest, tables=tables))

        with pytest.raises(UnableToRestore, match="events has 3000 rows instead of 10"):
            restore(folder, storage)

    def test_when_what_is_there_cannot_be_backed_up(self, folder, storage, monkeypatch):
        def fail(**options):
            raise restoring.UnableToBackUp("no space")

        monkeypatch.setattr(restoring, "write_backup", fail)

        with pytest.raises(UnableToRestore, match=r"(?s)no space.*--without-safety-backup"):
            restore(folder, storage)

    def test_while_a_backup_is_running(self, folder, storage):
        with (
            exclusive_folder(folder=folder, task="backup", now=NOW),
            pytest.raises(UnableToRestore, match="backup is running since"),
        ):
            restore(folder, storage)


class TestUndoRestore:
    def test_brings_back_the_rows_and_files_from_before(self, live, folder, storage):
        execute("DELETE FROM events WHERE id <= 10")
        storage.delete("receipts/2.jpg")
        storage.save("receipts/2.jpg", ContentFile(b"SECOND"))
        restored = restore(folder, storage)

        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # A connection to the database that is about to be replaced.

        undone = undo(folder, storage)

        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert undone.returned.name == restored.kept
        assert count("events") == 2990
        assert read(storage, "receipts/2.jpg") == b"SECOND"
        assert count("events", undone.kept) == 3000

    def test_can_itself_be_undone(self, live, folder, storage):
        execute("DELETE FROM events WHERE id <= 10")
        storage.delete("receipts/1.jpg")
        restore(folder, storage)
        undo(folder, storage)
        storage.delete("receipts/1.jpg")

        undo(folder, storage)

        assert count("events") == 3000
        assert read(storage, "receipts/1.jpg") == b"first"

    def test_changes_nothing_unless_it_is_confirmed(self, live, folder, storage):
        execute("DELETE FROM events")
        restore(folder, storage)

        with pytest.raises(NotConfirmed):
            undo(folder, storage, confirm=lambda kept: False)

        assert count("events") == 3000

    def test_brings_back_the_latest_of_several(self, live, folder, storage):
        restored = restore(folder, storage)
        administer("CREATE DATABASE {}", f"{live}_old_20240101_000000")

        assert undo(folder, storage).returned.name == restored.kept

    def test_brings_encrypted_files_back_with_the_private_key(self, live, storage, tmp_path, settings):
        key = pyrage.x25519.Identity.generate()
        settings.BACKUP_RECIPIENTS = [str(key.to_public())]
        back_up(tmp_path / "backups", media=storage.location)
        storage.delete("receipts/2.jpg")
        storage.save("receipts/2.jpg", ContentFile(b"SECOND"))
        restore(tmp_path / "backups", storage, identities=Identities(keys=(key,)))

        with pytest.raises(UnableToUndo, match="--identity FILE"):
            undo(tmp_path / "backups", storage)
        undo(tmp_path / "backups", storage, identities=Identities(keys=(key,)))

        assert read(storage, "receipts/2.jpg") == b"SECOND"

    def test_waits_for_nobody(self, live, folder, storage):
        restore(folder, storage)

        with (
            exclusive_folder(folder=folder, task="backup", now=NOW),
            pytest.raises(UnableToUndo, match="backup is running since"),
        ):
            undo(folder, storage)

    def test_says_when_there_is_nothing_to_take_back(self, live, folder, storage):
        with pytest.raises(UnableToUndo, match="nothing to take back"):
            undo(folder, storage)

    def test_leaves_the_files_alone_when_the_safety_backup_is_gone(self, live, folder, storage):
        restored = restore(folder, storage)
        (folder / restored.safety_backup / "manifest.json").unlink()

        assert undo(folder, storage).returned_files is None

    def test_survives_a_comment_that_somebody_has_written(self, live, folder, storage):
        restored = restore(folder, storage)
        administer("COMMENT ON DATABASE {} IS 'keep this'", restored.kept)

        undo(folder, storage)

        assert count("events") == 3000
