"""Exchanging two databases while they are in use."""

import contextlib
import signal
import subprocess
import sys
import threading

import psycopg
import pytest
from django.db import connection
from django.utils.translation import override

from config.operations.exchange import UnableToExchange, exchange_databases
from config.operations.neighbours import Replacement, list_kept, server_session
from config.operations.snapshot import separate_connection
from tests.config.operations.backup_sources import NOW, databases_beside, eventually
from tests.config.servers import PASSWORD, PROJECT, administer, role

REPLACEMENT = Replacement(backup="20250805T030000Z_live_000000", safety_backup="")


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def owner(django_db_setup, django_db_blocker):
    with (
        django_db_blocker.unblock(),
        role(f"{connection.settings_dict['NAME']}_mover", options="LOGIN CREATEDB") as name,
    ):
        administer("GRANT pg_signal_backend TO {}", name)
        yield name


@pytest.fixture
def live(owner):
    """Name a database that has another one beside it, both of the same ordinary owner."""
    name = f"{connection.settings_dict['NAME']}_moved"
    for each, word in ((name, "old"), (f"{name}_new", "new")):
        administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", each)
        administer("CREATE DATABASE {} OWNER {}", each, owner)
        administer(f"CREATE TABLE content AS SELECT '{word}' AS word", database=each)
    yield name
    for each in [name, *databases_beside(name)]:
        administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", each)


def exchange(live, owner):
    with separate_connection(alias="default") as mover:
        mover.settings_dict |= {"USER": owner, "PASSWORD": PASSWORD, "NAME": "postgres"}
        return exchange_databases(
            connection=mover, live=live, successor=f"{live}_new", replacement=REPLACEMENT, now=NOW
        )


def connect(name, **changes):
    parameters = {**connection.get_connection_params(), "dbname": name, **changes}
    return psycopg.connect(**parameters, autocommit=True)


def word(name):
    with connect(name, options="") as database:
        [[found]] = database.execute("SELECT word FROM content").fetchall()
    return found


@contextlib.contextmanager
def returning_clients(name, user, count=4):
    """Keep clients in a database that connect again as soon as they are thrown out."""
    ended, seen = threading.Event(), set()

    def stay():
        while not ended.is_set():
            with (
                contextlib.suppress(psycopg.Error),
                connect(name, user=user, password=PASSWORD, options="") as client,
            ):
                while not ended.is_set():
                    [[found]] = client.execute("SELECT word FROM content").fetchall()
                    seen.add(found)

    threads = [threading.Thread(target=stay) for _number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


class TestExchangeDatabases:
    def test_succeeds_against_clients_that_come_back_at_once(self, live, owner):
        for name in (live, f"{live}_new"):
            administer("GRANT SELECT ON content TO {}", owner, database=name)
        with returning_clients(live, owner) as seen:
            assert eventually(lambda: "old" in seen)

            done = exchange(live, owner)

            assert eventually(lambda: "new" in seen)
        assert (word(live), word(done.kept)) == ("new", "old")

    def test_notes_what_it_has_replaced(self, live, owner):
        exchange(live, owner)

        with (
            separate_connection(alias="default") as any_connection,
            server_session(connection=any_connection) as server,
        ):
            [kept] = list_kept(server=server, live=live)
        assert (kept.replacement, kept.replaced_at) == (REPLACEMENT, NOW)

    def test_changes_nothing_when_the_second_name_cannot_be_given(self, live, owner):
        with (
            connect(f"{live}_new", application_name="psql of the administrator"),
            pytest.raises(UnableToExchange, match=r"in use by .*psql of the administrator"),
        ):
            exchange(live, owner)

        assert (word(live), word(f"{live}_new")) == ("old", "new")

    def test_leaves_both_open_when_it_is_killed_in_the_middle(self, live, owner):
        """A superuser's session keeps it between its first step and its second."""
        program = f"""
import django; django.setup()
from datetime import datetime, UTC
from config.operations.exchange import exchange_databases
from config.operations.neighbours import Replacement
from config.operations.snapshot import separate_connection
with separate_connection(alias="default") as mover:
    mover.settings_dict |= {{"USER": {owner!r}, "PASSWORD": {PASSWORD!r}, "NAME": "postgres"}}
    exchange_databases(connection=mover, live={live!r}, successor={f"{live}_new"!r},
                       replacement=Replacement(), now=datetime.now(UTC))
"""
        with connect(f"{live}_new"):
            with subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT) as process:
                assert eventually(lambda: renaming(f"{live}_new"))
                process.send_signal(signal.SIGKILL)
            assert eventually(lambda: not renaming(f"{live}_new"))

        assert eventually(lambda: word(live) == "old")
        assert word(f"{live}_new") == "new"


def renaming(name):
    with connect("postgres") as administrator:
        rows = administrator.execute(
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s",
            [f'ALTER DATABASE "{name}" RENAME%'],
        )
        return rows.rowcount > 0
