"""What else happens on the table while a migration wants it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.benchmarks.measurement import Bench

_LOOK_SECONDS = 0.05
_AUTOVACUUM_PATIENCE_SECONDS = 60

# So slow that it outlasts every migration that does not cancel it; its analysis would only cost time.
_CALL_AUTOVACUUM = """
    ALTER TABLE ledger_item SET (
        autovacuum_enabled = true, autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 100,
        autovacuum_analyze_threshold = 2000000000
    )
"""
_AUTOVACUUM_WORKS = """
    SELECT EXISTS (
        SELECT FROM pg_stat_progress_vacuum JOIN pg_stat_activity USING (pid)
         WHERE relid = 'ledger_item'::regclass AND backend_type = 'autovacuum worker'
    )
"""


class SituationAbsent(Exception):
    """What a migration was to be measured beside did not come, or was over before."""


def _nothing() -> None:
    """There is nobody to stop."""


@contextmanager
def alone(bench: Bench) -> Iterator[Callable[[], None]]:
    yield _nothing


@contextmanager
def open_transaction(bench: Bench) -> Iterator[Callable[[], None]]:
    """Somebody has read the table for a report, and keeps what was read consistent."""
    with bench.connect() as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT amount FROM ledger_item LIMIT 1")
        yield connection.rollback


@contextmanager
def autovacuum(bench: Bench) -> Iterator[Callable[[], None]]:
    with bench.connect() as connection:
        connection.execute(_CALL_AUTOVACUUM)
        deadline = time.monotonic() + _AUTOVACUUM_PATIENCE_SECONDS
        while not _autovacuum_works(bench):
            if time.monotonic() > deadline:
                raise SituationAbsent("autovacuum did not come")
            time.sleep(_LOOK_SECONDS)
    yield _nothing


def require(situation: str, bench: Bench) -> None:
    """Refuse to measure a situation that is over already."""
    if situation == "autovacuum" and not _autovacuum_works(bench):
        raise SituationAbsent("autovacuum had ended before the migration began")


def _autovacuum_works(bench: Bench) -> bool:
    with bench.connect() as connection:
        return connection.execute(_AUTOVACUUM_WORKS).fetchone()[0]


SITUATIONS = {"alone": alone, "open-transaction": open_transaction, "autovacuum": autovacuum}
