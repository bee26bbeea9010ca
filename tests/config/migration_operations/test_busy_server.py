import pytest
from django.db import connection

from config.migration_operations import busy_server
from config.migration_operations.busy_server import is_busy
from tests.config.operations.sessions import TABLE, sessions_with_table


@pytest.fixture
def waiter(transactional_db):
    """A session that waits for a row which another one has changed."""
    with sessions_with_table() as sessions:
        holder, waiter = sessions.open("holder"), sessions.open("waiter")
        holder.execute(f"UPDATE {TABLE} SET name = 'x' WHERE id = 1")
        sessions.start(waiter, f"UPDATE {TABLE} SET name = 'y' WHERE id = 1")
        sessions.until_blocked(waiter)
        yield waiter


class TestIsBusy:
    def test_where_somebody_has_just_begun_to_wait_for_a_lock(self, waiter, monkeypatch):
        monkeypatch.setattr(busy_server, "NEW_WAIT_SECONDS", 60)

        assert is_busy(connection)

    def test_but_not_where_the_wait_is_so_old_that_no_batch_can_be_its_cause(self, waiter, monkeypatch):
        monkeypatch.setattr(busy_server, "NEW_WAIT_SECONDS", 0)

        assert not is_busy(connection)

    def test_nor_where_somebody_holds_a_lock_that_nobody_waits_for(self, transactional_db):
        with sessions_with_table() as sessions:
            sessions.open("holder").execute(f"UPDATE {TABLE} SET name = 'x' WHERE id = 1")

            assert not is_busy(connection)
