"""Two databases that differ in one cell must not have the same fingerprints."""

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, connection

from config.operations import snapshot as snapshots
from config.operations.fingerprints import (
    Fingerprint,
    compare_fingerprints,
    fingerprinting,
    read_fingerprints,
)
from config.operations.snapshot import exported_snapshot, separate_connection
from tests.config.operations.backup_sources import backends, eventually, session, source_database


@pytest.fixture
def source(django_db_setup, django_db_blocker):
    name = f"{connection.settings_dict['NAME']}_fingerprints"
    with django_db_blocker.unblock(), source_database(name), session() as database:
        yield database


def fingerprints():
    with (
        separate_connection(alias=DEFAULT_DB_ALIAS) as database,
        exported_snapshot(connection=database) as snapshot,
    ):
        return read_fingerprints(connection=database, snapshot=snapshot)


class TestReadFingerprints:
    def test_covers_every_table_but_those_of_extensions(self, source):
        source.execute("CREATE TABLE of_extension (); ALTER EXTENSION pg_trgm ADD TABLE of_extension")

        assert set(fingerprints()) == {
            "archive.events",
            "public.django_migrations",
            "public.events",
            "public.organizations",
            "public.without_a_column",
            "public.without_a_key",
            'public."Odd ""name"',
        }

    @pytest.mark.parametrize(
        ("table", "change"),
        [
            ("public.events", "UPDATE events SET amount = amount + 1 WHERE id = 1500"),
            ("public.events", "UPDATE events SET amount = 7.0 WHERE id = 7"),
            ("public.events", "UPDATE events SET took = '24 hours' WHERE id = 7"),
            ("public.events", "UPDATE events SET share = 0.3 WHERE id = 7"),
            ("public.events", "UPDATE events SET scan = NULL WHERE id = 7"),
            ("public.without_a_key", "UPDATE without_a_key SET word = '' WHERE word IS NULL"),
            ("public.without_a_key", "UPDATE without_a_key SET word = 'thrice' WHERE word = 'twice'"),
            ("archive.events", "UPDATE archive.events SET every_row = '전레'"),
            ("public.without_a_column", "INSERT INTO without_a_column DEFAULT VALUES"),
        ],
    )
    def test_differs_in_the_one_table_that_was_changed(self, source, table, change):
        before = fingerprints()
        source.execute(change)

        after = fingerprints()

        assert {name for name in before if before[name] != after[name]} == {table}

    def test_does_not_depend_on_the_order_of_the_rows(self, source):
        before = fingerprints()
        source.execute("CREATE TABLE copy AS SELECT * FROM without_a_key ORDER BY word NULLS FIRST")
        source.execute("DELETE FROM without_a_key; INSERT INTO without_a_key SELECT * FROM copy")
        source.execute("DROP TABLE copy")

        assert fingerprints() == before

    def test_does_not_depend_on_the_settings_of_the_database(self, source):
        before = fingerprints()
        name = connection.settings_dict["NAME"]
        for setting in (
            "timezone = 'Asia/Seoul'",
            "datestyle = 'German'",
            "intervalstyle = 'iso_8601'",
            "extra_float_digits = 0",
            "bytea_output = 'escape'",
            "statement_timeout = 1000",
        ):
            source.execute(f"ALTER DATABASE {name} SET {setting}")

        assert fingerprints() == before

    def test_sees_nothing_of_what_is_written_after_the_snapshot(self, source):
        before = fingerprints()
        with (
            separate_connection(alias=DEFAULT_DB_ALIAS) as database,
            exported_snapshot(connection=database) as snapshot,
        ):
            source.execute("DELETE FROM events WHERE id > 100; INSERT INTO without_a_key VALUES ('new')")

            assert read_fingerprints(connection=database, snapshot=snapshot) == before
        assert fingerprints() != before

    def test_does_not_wait_for_ever_for_a_lock(self, source, monkeypatch):
        monkeypatch.setitem(snapshots._SETTINGS, "lock_timeout", "100ms")
        with session() as other, other.transaction():
            other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")

            with pytest.raises(psycopg.errors.LockNotAvailable):
                fingerprints()

    def test_cancels_what_is_running_when_it_is_interrupted(self, source, monkeypatch):
        endless = "SELECT 1, pg_sleep(1000)::text FROM ONLY {table} LIMIT 1"
        monkeypatch.setattr("config.operations.fingerprints._FINGERPRINT", endless)

        with (
            pytest.raises(KeyboardInterrupt),
            separate_connection(alias=DEFAULT_DB_ALIAS) as database,
            exported_snapshot(connection=database) as snapshot,
            fingerprinting(connection=database, snapshot=snapshot),
        ):
            raise KeyboardInterrupt

        name = connection.settings_dict["NAME"]
        assert eventually(lambda: not [row for row in backends(name) if "pg_sleep" in row[2]])


class TestCompareFingerprints:
    def test_names_every_table_that_differs(self):
        same, more, other = (Fingerprint(rows=1, hash="1"), Fingerprint(2, "1"), Fingerprint(1, "2"))

        sentences = compare_fingerprints(
            expected={"equal": same, "fewer": more, "changed": same, "lost": same},
            found={"equal": same, "fewer": same, "changed": other, "invented": same},
        )

        named = " ".join(sentences)
        assert [name for name in ("changed", "fewer", "invented", "lost") if name in named] == [
            "changed",
            "fewer",
            "invented",
            "lost",
        ]
        assert "equal" not in named
