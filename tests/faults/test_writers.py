"""Backups that are made while others write."""

import pytest
from django.db import connection
from django.utils.translation import override

from config.operations.manifest import Level, State, read_manifest
from config.operations.snapshot import separate_connection
from config.operations.verification import compare_with_manifest
from tests.config.operations.backup_sources import back_up, session, source_database, writer

RUNS = 20


@pytest.fixture
def source(django_db_setup, django_db_blocker):
    name = f"{connection.settings_dict['NAME']}_written"
    with django_db_blocker.unblock(), override("en"), source_database(name):
        yield name


def test_twenty_backups_under_writers_are_equal_to_what_was_backed_up(source, tmp_path):
    states, commits = [], 0
    with writer() as written:
        for _run in range(RUNS):
            before = len(written)
            made = back_up(tmp_path / "backups", media=tmp_path / "media", level=Level.RESTORED)
            states.append(made.manifest.state)
            commits += len(written) - before

    assert states == [State.VERIFIED] * RUNS
    assert commits > RUNS


def test_one_changed_cell_is_found(source, tmp_path):
    made = back_up(tmp_path / "backups", media=tmp_path / "media")
    with session() as database:
        database.execute("UPDATE events SET amount = amount + 0.01 WHERE id = 1234")

    with separate_connection(alias="default") as live:
        differences = list(compare_with_manifest(connection=live, manifest=read_manifest(folder=made.path)))

    assert differences == ["The rows of the table public.events have other contents."]
