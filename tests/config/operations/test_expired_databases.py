"""Dropping what restores have replaced: only what was agreed to, and never while somebody restores."""

import datetime

import pytest
from django.db import connection, connections
from django.utils.translation import override

from config.databases import OWNER_ALIAS
from config.operations.expired_databases import drop_expired_databases, find_expired_databases
from config.operations.maintenance import exclusive_folder
from config.operations.neighbours import KEPT_DAYS
from tests.config.operations.backup_sources import NOW, databases_beside
from tests.config.servers import administer

pytestmark = pytest.mark.django_db
OVER = NOW - datetime.timedelta(days=KEPT_DAYS, seconds=1)
NOT_OVER = NOW - datetime.timedelta(days=KEPT_DAYS)


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def replaced():
    """Name what the test database has replaced: the time of the first is over, that of the second is not."""
    live = connection.settings_dict["NAME"]
    names = [f"{live}_old_{moment:%Y%m%d_%H%M%S}" for moment in (OVER, NOT_OVER)]
    for name in names:
        administer("CREATE DATABASE {}", name)
    yield names
    for name in names:
        administer("DROP DATABASE IF EXISTS {}", name)


def left():
    name = connection.settings_dict["NAME"]
    return [beside for beside in databases_beside(name) if beside.startswith(f"{name}_old_")]


class TestFindExpiredDatabases:
    def test_finds_those_that_were_replaced_longer_ago_than_promised(self, replaced):
        found = find_expired_databases(now=NOW)

        assert ([each.name for each in found.databases], found.problem) == (replaced[:1], "")


class TestDropExpiredDatabases:
    def test_drops_them_and_no_others(self, replaced, tmp_path):
        dropped = drop_expired_databases(folder=tmp_path, now=NOW, only=replaced)

        assert ([each.name for each in dropped.databases], dropped.problem) == (replaced[:1], "")
        assert left() == replaced[1:]

    def test_drops_nothing_that_was_not_agreed_to(self, replaced, tmp_path):
        dropped = drop_expired_databases(folder=tmp_path, now=NOW, only=replaced[1:])

        assert dropped.databases == ()
        assert left() == sorted(replaced)

    def test_says_so_and_drops_nothing_while_somebody_restores(self, replaced, tmp_path):
        with exclusive_folder(folder=tmp_path, task="restore", now=NOW):
            dropped = drop_expired_databases(folder=tmp_path, now=NOW, only=replaced)

        assert dropped.databases == ()
        assert "restore is running" in dropped.problem
        assert left() == sorted(replaced)

    def test_says_so_and_drops_nothing_while_there_is_no_live_database(self, replaced, tmp_path, monkeypatch):
        gone = f"{connection.settings_dict['NAME']}_gone"
        kept = replaced[0].replace(connection.settings_dict["NAME"], gone)
        administer("ALTER DATABASE {} RENAME TO {}", replaced[0], kept)
        monkeypatch.setitem(connections[OWNER_ALIAS].settings_dict, "NAME", gone)
        try:
            found = find_expired_databases(now=NOW)
            dropped = drop_expired_databases(folder=tmp_path, now=NOW, only=[kept])
        finally:
            administer("DROP DATABASE {}", kept)  # Which fails if it was dropped.

        assert [each.name for each in found.databases] == [kept]
        assert (dropped.databases, f"{gone} does not exist" in dropped.problem) == ((), True)
