"""The three ways to run a migration, each in a process of its own that is ready before the clock starts."""

import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import django
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connection
from django.utils import timezone

LONGEST_SECONDS = 1_800

_SPAWN = multiprocessing.get_context("spawn")
_SETTINGS = "tests.benchmarks.schema_changes.settings"


@dataclass(frozen=True)
class Ended:
    """Seconds of the monotonic clock, why the migration failed if it did, and what the engine tells of it."""

    started: float
    ended: float
    error: str = ""
    told: str = ""


class Migrating:
    """A migration that waits for the word to start."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def run(self, *, after: float = LONGEST_SECONDS, then: Callable[[], None] | None = None) -> Ended:
        """Run the migration; call `then` after so many seconds if it has not ended by itself before."""
        started = time.monotonic()
        self._pipe.send("go")
        if then is not None and not self._pipe.poll(after):
            then()
        if not self._pipe.poll(LONGEST_SECONDS):
            return Ended(started, time.monotonic(), f"not done after {LONGEST_SECONDS} s")
        return self._pipe.recv()


@contextmanager
def migrating(engine: str, name: str, *, environment: Mapping[str, str]) -> Iterator[Migrating]:
    """Start the process of an engine, and yield when it has read its migrations."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work, args=(theirs, engine, name, dict(environment)), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield Migrating(ours)
    finally:
        process.kill()
        process.join()


def _work(pipe: Connection, engine: str, name: str, environment: Mapping[str, str]) -> None:
    os.environ |= {**environment, "DJANGO_SETTINGS_MODULE": _SETTINGS, "MIGRATION_ENGINE": engine}
    warnings.simplefilter("ignore")  # The zero-downtime backend warns of what it then does.
    try:
        django.setup()
        work = _PREPARATIONS[engine](name)
    except Exception as error:
        reason = _shown(error)
        pipe.send("not ready")
        pipe.recv()
        pipe.send(Ended(time.monotonic(), time.monotonic(), reason))
        return
    pipe.send("ready")
    pipe.recv()
    pipe.send(_timed(work))


def _timed(work: Callable[[], str]) -> Ended:
    started = time.monotonic()
    try:
        told = work()
    except Exception as error:
        return Ended(started, time.monotonic(), _shown(error))
    return Ended(started, time.monotonic(), told=told)


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _prepare_djangos(name: str) -> Callable[[], str]:
    """Django's own command; the zero-downtime backend only brings another schema editor to it."""

    def migrate_ledger() -> str:
        call_command(migrate.Command(), "ledger", name, verbosity=0, skip_checks=True)
        return ""

    return migrate_ledger


def _prepare_ours(name: str) -> Callable[[], str]:
    """Planning comes before the clock starts: `migrate_safely` shows the plan, and waits for an answer."""
    from config.operations.schema_change.attic import AtticKeeper
    from config.operations.schema_change.execution import run_plan
    from config.operations.schema_change.planning import read_plan

    plan = read_plan(connection=connection, targets=[("ledger", name)])
    keeper = AtticKeeper(now=timezone.now())

    def run() -> str:
        [outcome] = run_plan(connection=connection, plan=plan, keeper=keeper)
        attempts = f"{outcome.attempts} attempt" + "s" * (outcome.attempts != 1)
        return f"{outcome.way.value}, {attempts}, waited {outcome.waited_seconds:.2f} s"

    return run


_PREPARATIONS = {"plain": _prepare_djangos, "zero-downtime": _prepare_djangos, "ours": _prepare_ours}
