"""Writing a backup: what is in it, and what stands in the way of it."""

import os
import subprocess

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils.translation import override

from config.operations import backup as backups
from config.operations import postgres
from config.operations.backup import UnableToBackUp, plan_backup
from config.operations.maintenance import LOCK, exclusive_folder
from config.operations.manifest import Level, State, read_manifest
from config.operations.media_files import path_of
from tests.config.operations.backup_sources import (
    NOW,
    back_up,
    backends,
    eventually,
    session,
    source_database,
    writer,
)


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture(scope="module")
def source(django_db_setup, django_db_blocker):
    name = f"{connection.settings_dict['NAME']}_source"
    with django_db_blocker.unblock(), source_database(name):
        yield name


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backups"


@pytest.fixture
def media(tmp_path):
    FileSystemStorage(location=tmp_path / "media").save("receipts/1.jpg", ContentFile(b"first"))
    return tmp_path / "media"


@pytest.fixture
def fake_program(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the place of pg_dump."""
    programs = tmp_path / "programs"
    programs.mkdir()
    real = postgres.find_program("pg_dump", major=connection.pg_version // 10_000)

    def install(script):
        if script:
            program = programs / "pg_dump"
            program.write_text(f'#!/bin/sh\nREAL="{real}"\n{script}\n')
            program.chmod(0o755)
        monkeypatch.setattr(postgres, "DEBIAN_PROGRAMS", tmp_path / "nowhere")
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin" if script else str(programs))

    return install


# What pg_dump is asked for besides the data must work, or another fault than the one meant is tested.
ONLY_DUMP = 'case "$*" in *--version*|*--schema-only*) exec "$REAL" "$@";; esac\n'


# Rights and owners belong to a server; the rest has to come back as it was.
PECULIARITIES = """
    ALTER SCHEMA public OWNER TO CURRENT_USER;
    COMMENT ON SCHEMA public IS NULL;
    CREATE TABLE rights ();
    GRANT SELECT ON rights TO pg_monitor;
    ALTER TABLE events ADD CHECK (amount > 9) NOT VALID;
    ALTER TABLE events DISABLE TRIGGER ALL;
"""
WITHOUT_PECULIARITIES = """
    ALTER TABLE events ENABLE TRIGGER ALL;
    ALTER TABLE events DROP CONSTRAINT events_amount_check;
    DROP TABLE rights;
    COMMENT ON SCHEMA public IS 'standard public schema';
    ALTER SCHEMA public OWNER TO pg_database_owner;
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name not in (".lock", "files"))


class TestCreateBackup:
    def test_describes_the_moment_that_was_backed_up(self, source, folder, media):
        backup = back_up(folder, media=media, reason="before the camp")

        manifest = read_manifest(folder=backup.path)
        assert manifest == backup.manifest
        assert backup.path == folder / manifest.id
        assert manifest.id.startswith(f"20250805T030000Z_{source}_")
        assert manifest.state is State.COMPLETE
        assert manifest.reason == "before the camp"
        assert manifest.tables["public.events"].rows >= 3000
        assert manifest.sequences["public.organizations_id_seq"] == 10
        assert manifest.migrations == ("budget.0002_users",)
        assert manifest.database.name == source
        assert manifest.database.extensions.keys() == {"plpgsql", "pg_trgm"}
        assert manifest.dump.size == (backup.path / "data.dump").stat().st_size

    def test_holds_the_uploaded_files(self, source, folder, media):
        backup = back_up(folder, media=media)

        [file] = backup.manifest.files
        assert file.name == "receipts/1.jpg"
        assert path_of(sha256=file.sha256, folder=folder).read_bytes() == b"first"

    def test_is_closed_to_other_users(self, source, folder, media):
        backup = back_up(folder, media=media)

        assert [path.stat().st_mode & 0o077 for path in (folder, backup.path)] == [0, 0]

    def test_equals_its_moment_although_others_write(self, source, folder, media):
        with writer() as commits:
            before = len(commits)
            backup = back_up(folder, media=media, level=Level.RESTORED)
            written = len(commits) - before

        assert backup.manifest.verified[-1].problems == ()
        assert backup.manifest.state is State.VERIFIED
        assert written

    def test_proves_a_database_with_peculiarities(self, source, folder, media):
        with session() as database:
            database.execute(PECULIARITIES)
            backup = back_up(folder, media=media, level=Level.RESTORED)
            database.execute(WITHOUT_PECULIARITIES)

        assert backup.manifest.verified[-1].problems == ()

    def test_proves_a_database_without_the_usual_schema(self, source, folder, media):
        with session() as database:
            database.execute("ALTER SCHEMA public RENAME TO parish")
            backup = back_up(folder, media=media, level=Level.RESTORED)
            database.execute("ALTER SCHEMA parish RENAME TO public")

        assert backup.manifest.verified[-1].problems == ()

    def test_outlasts_the_limits_of_a_role(self, source, folder, media):
        with session() as database:
            for name in ("idle_in_transaction_session_timeout", "statement_timeout"):
                database.execute(f"ALTER DATABASE {source} SET {name} = '20ms'")
            try:
                backup = back_up(folder, media=media)
            finally:
                database.execute(f"ALTER DATABASE {source} RESET ALL")

        assert backup.manifest.state is State.COMPLETE

    def test_removes_what_an_interrupted_one_has_left(self, source, folder, media):
        leftover = folder / "20250101T000000Z_parish_budget_000000.partial"
        leftover.mkdir(parents=True)
        (leftover / "data.dump").write_bytes(b"torn")

        backup = back_up(folder, media=media)

        assert names(folder) == [backup.path.name]


class TestObstacles:
    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            ("", "apt-get install postgresql-client"),
            ('echo "pg_dump (PostgreSQL) 14.1"', "apt-get install postgresql-client"),
            (f'{ONLY_DUMP}echo "no luck" >&2; exit 1', "no luck"),
            (f"{ONLY_DUMP}exit 0", "wrote nothing"),
            (f'{ONLY_DUMP}"$REAL" "$@"; exit 1', "pg_dump: it ended with code 1"),
            (f"{ONLY_DUMP}kill -9 $$", "pg_dump: it ended with code -9"),
        ],
        ids=["missing", "older", "failing", "silent", "failing at the end", "killed"],
    )
    def test_leaves_nothing_when_pg_dump_does_not_do_its_work(
        self, source, folder, media, fake_program, script, reason
    ):
        fake_program(script)

        with pytest.raises(UnableToBackUp, match=reason):
            back_up(folder, media=media)

        assert names(folder) == []

    def test_finds_out_when_pg_dump_wrote_half_of_it(self, source, folder, media, fake_program):
        cut_off = 'for last; do :; done; truncate --size=-500 "${last#--file=}"'
        fake_program(f'{ONLY_DUMP}"$REAL" "$@"; {cut_off}')

        backup = back_up(folder, media=media, level=Level.READ)

        assert backup.manifest.state is State.FAILED

    def test_refuses_when_the_disk_is_nearly_full(self, source, folder, media, monkeypatch):
        monkeypatch.setattr(backups, "LEAST_FREE_BYTES", 10**18)

        with pytest.raises(UnableToBackUp, match="BACKUP_DIR"):
            back_up(folder, media=media)

        assert names(folder) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
    def test_leaves_nothing_when_the_disk_becomes_full(self, source, folder, media, monkeypatch):
        monkeypatch.setattr(backups, "LEAST_FREE_BYTES", 0)
        monkeypatch.setattr(backups, "_DUMPED_PART", 0)
        folder.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=False)
        if mounted.returncode:
            pytest.skip("this root may not mount")
        try:
            with pytest.raises(UnableToBackUp, match="No space left on device"):
                back_up(folder, media=media)

            assert names(folder) == []
        finally:
            subprocess.run(["umount", folder], check=True)

    def test_says_who_works_on_the_backups(self, source, folder, media):
        with (
            exclusive_folder(folder=folder, task="prune_backups", now=NOW),
            pytest.raises(UnableToBackUp, match=rf"prune_backups .* 2025-08-05.*process {os.getpid()} "),
        ):
            back_up(folder, media=media)

    def test_says_who_works_on_the_database(self, source, folder, media):
        with session() as holder:
            holder.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [LOCK])

            with pytest.raises(UnableToBackUp, match=rf"user \w+ on .*, session {holder.info.backend_pid}\)"):
                back_up(folder, media=media)

    def test_leaves_no_session_and_no_lock(self, source, folder, media, fake_program):
        fake_program(f"{ONLY_DUMP}exit 1")

        with pytest.raises(UnableToBackUp):
            back_up(folder, media=media)

        assert eventually(lambda: backends(source) == [])
        with exclusive_folder(folder=folder, task="test", now=NOW):
            pass


class TestPlanBackup:
    def test_looks_without_writing(self, source, folder, media):
        plan = plan_backup(folder=folder, storage=FileSystemStorage(location=media))

        assert (plan.database.name, plan.tables, plan.files) == (source, 7, 1)
        assert not folder.exists()

    def test_meets_the_same_obstacles(self, source, folder, monkeypatch):
        monkeypatch.setattr(backups, "LEAST_FREE_BYTES", 10**18)

        with pytest.raises(UnableToBackUp, match="BACKUP_DIR"):
            plan_backup(folder=folder)
