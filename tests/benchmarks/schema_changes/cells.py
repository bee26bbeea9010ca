"""One cell: one migration by one engine in one situation, while the load is on."""

import time
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.benchmarks.measurement import Bench
from tests.benchmarks.schema_changes.cases import LONGEST, WORST, migration_name
from tests.benchmarks.schema_changes.databases import copy_template, is_applied
from tests.benchmarks.schema_changes.engines import Migrating, migrating
from tests.benchmarks.schema_changes.load import Offer, Running, loading
from tests.benchmarks.schema_changes.situations import SITUATIONS, SituationAbsent, require
from tests.benchmarks.schema_changes.waits import Waits, summarise

WARM_UP_SECONDS = 2.0
# Later requests wait for those that waited for the migration: this belongs to it.
AFTERMATH_SECONDS = 1.0
# Above this the machine was busy with something else before the migration had begun.
NOISE_MS = 60


@dataclass(frozen=True)
class Size:
    """Rows, clients, requests a second; seconds that a foreign transaction and a control run last."""

    rows: int
    clients: int
    rate: float
    hold: float
    control: float


class Combination(NamedTuple):
    """What is measured in one cell."""

    case: str
    situation: str
    engine: str


@dataclass(frozen=True)
class Cell:
    """`ratio` is the time of the migration as a multiple of plain Django's in the same situation."""

    case: str
    situation: str
    engine: str
    control: Waits
    during: Waits
    seconds: float = 0.0
    error: str = ""
    told: str = ""
    ratio: float | None = None

    @property
    def missed(self) -> tuple[str, ...]:
        """The goals of our engine that were not reached."""
        longest = LONGEST[self.case]
        is_missed = {
            "failed": bool(self.error),
            "wait": self.during.worst > WORST[self.case],
            "time": self.ratio is not None and longest is not None and self.ratio > longest,
        }
        return tuple(goal for goal, missed in is_missed.items() if missed)


def measure_quietly(bench: Bench, combination: Combination, size: Size, *, tries: int) -> Cell:
    """Repeat a cell that began on a busy machine. Only what was before the migration counts for that."""
    for _try in range(tries):
        cell = measure_cell(bench, combination, size)
        if cell.control.worst <= NOISE_MS:
            break
    return cell


def measure_cell(bench: Bench, combination: Combination, size: Size) -> Cell:
    copy_template(bench)
    name = migration_name(combination.case)
    offer = Offer(clients=size.clients, rate=size.rate, rows=size.rows)
    with (
        migrating(combination.engine, name, environment=bench.environment) as migration,
        loading({**bench.server, "dbname": "bench"}, offer) as load,
    ):
        try:
            cell = _measure(bench, combination, size, migration, load)
        except SituationAbsent as absent:
            nothing = summarise([], since=0, until=0)
            return Cell(*combination, control=nothing, during=nothing, error=str(absent))
    if not cell.error and not is_applied(bench, name):
        return replace(cell, error="it ended without an error, but is not recorded as applied")
    return cell


def _measure(bench: Bench, combination: Combination, size: Size, migration: Migrating, load: Running) -> Cell:
    time.sleep(WARM_UP_SECONDS)
    with SITUATIONS[combination.situation](bench) as end:
        control_from = time.monotonic()
        time.sleep(size.control)
        control_until = time.monotonic()
        require(combination.situation, bench)
        ended = migration.run(after=size.hold, then=end)
        time.sleep(AFTERMATH_SECONDS)
    requests = load.stop()
    return Cell(
        *combination,
        control=summarise(requests, since=control_from, until=control_until),
        during=summarise(requests, since=ended.started, until=ended.ended + AFTERMATH_SECONDS),
        seconds=ended.ended - ended.started,
        error=ended.error,
        told=ended.told,
    )
