import itertools
import time

import pytest
from django.db import connection

from tests.benchmarks.schema_changes.load import Offer, loading
from tests.config.operations.sessions import Sessions

COLUMNS = """
    id uuid PRIMARY KEY, settlement_id uuid, display_order integer, category text, description text,
    transacted_on date, unit_price bigint, quantity integer, amount bigint, kind text, person_number bigint,
    serial bigint, created_at timestamptz
"""
OFFER = Offer(clients=1, rate=2_000, rows=100)


@pytest.fixture
def ledger(transactional_db):
    sessions = Sessions()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE ledger_item ({COLUMNS})")
        yield sessions
        sessions.close()
        cursor.execute("DROP TABLE ledger_item")


def address():
    wanted = ("host", "port", "user", "password", "passfile", "dbname", "options")
    return {key: value for key, value in connection.get_connection_params().items() if key in wanted}


def test_a_request_is_due_at_its_moment_while_every_client_waits_for_a_lock(ledger):
    locker = ledger.open("locker")

    with loading(address(), OFFER) as load:
        locker.execute("LOCK TABLE ledger_item")
        locked = time.monotonic()
        ledger.until(lambda activity: activity.blocked)
        released = time.monotonic()
        locker.commit()
        requests = load.stop()

    gaps = {round(after.due - before.due, 6) for before, after in itertools.pairwise(requests)}
    overdue = [request for request in requests if locked < request.due < released]
    assert gaps == {1 / OFFER.rate}
    assert len(overdue) > OFFER.clients
    assert all(request.done > released for request in overdue)


def test_a_refused_request_is_counted_and_its_client_goes_on(ledger):
    locker = ledger.open("locker")

    with loading(address(), OFFER) as load:
        locker.execute("ALTER TABLE ledger_item DROP COLUMN amount")
        locked = time.monotonic()
        ledger.until(lambda activity: activity.blocked)
        locker.commit()
        requests = load.stop()

    refused = [request for request in requests if request.due > locked]
    assert len(refused) > OFFER.clients
    assert {request.sqlstate for request in refused} == {"42703"}
