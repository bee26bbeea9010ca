"""What a backup costs beside the server's own tools on the same rows, in one run.

`make bench-backups` seeds a scratch cluster and measures there; SIZE=full makes some nine million rows.
Seconds are medians. CPU is that of clients and servers together: the machine may have others to serve.
"""

import argparse
import http.client
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from config.env import BASE_DIR
from config.operations.postgres import find_program
from tests.benchmarks.measurement import Bench, adopt_orphans, machine, measure, peak_memory, scratch_bench

THOUSANDS = {"small": 2, "full": 85}
HEALTH_REQUESTS = 200
PATIENCE_SECONDS = 30
PROBE_SECONDS = 0.01
MEGABYTE = 1_000_000

# What a restored database is compared by; twice, because a backup reads both sides.
FINGERPRINTS = """
from config.operations.fingerprints import read_fingerprints
from config.operations.snapshot import exported_snapshot, separate_connection
with separate_connection(alias="default") as connection, exported_snapshot(connection=connection) as snapshot:
    read_fingerprints(connection=connection, snapshot=snapshot)
"""


@dataclass(frozen=True)
class Timing:
    """Median seconds."""

    work: str
    wall: float
    cpu: float


@dataclass(frozen=True)
class Goal:
    """A number that must not be exceeded."""

    name: str
    found: float
    limit: float
    unit: str

    @property
    def reached(self) -> bool:
        return self.found <= self.limit


class Tools:
    """The server's own programs on the database of a bench."""

    def __init__(self, bench: Bench, *, major: int) -> None:
        self._bench = bench
        self._major = major
        self.dump_file = bench.folder / "plain.dump"

    def dump(self) -> None:
        options = ("--format=custom", "--compress=1", f"--file={self.dump_file}")
        self._run("pg_dump", "--dbname=bench", *options)

    def restore(self) -> None:
        self._bench.create_database("restored")
        self._run("pg_restore", "--dbname=restored", "--jobs=2", str(self.dump_file))

    def dump_restore_and_compare(self) -> None:
        self.dump()
        self.restore()
        for database in ("bench", "restored"):
            self._bench.manage("shell", "--no-imports", "--command", FINGERPRINTS, DB_NAME=database)

    def _run(self, name: str, *arguments: str) -> None:
        server = self._bench.server
        address = (f"--host={server['host']}", f"--username={server['user']}")
        environment = {**os.environ, "PGPASSWORD": server["password"]}
        command = [str(find_program(name, major=self._major)), *address, *arguments]
        subprocess.run(command, env=environment, check=True)


def time_all(bench: Bench, tools: Tools, *, runs: int) -> dict[str, Timing]:
    """Take turns, so that what else the machine does meets all of them."""
    works: dict[str, Callable[[], object]] = {
        "plain pg_dump": tools.dump,
        "backup --no-verify": lambda: bench.manage("backup", "--no-verify"),
        "plain dump, restore, two fingerprint passes": tools.dump_restore_and_compare,
        "backup, verified": lambda: bench.manage("backup"),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _run in range(runs):
        for name, work in works.items():
            found[name].append(measure(work, bench.cpu))
    return {name: _median(name, times) for name, times in found.items()}


def _median(name: str, times: list[tuple[float, float]]) -> Timing:
    wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
    return Timing(name, round(wall, 2), round(cpu, 2))


def measure_swap(bench: Bench) -> float:
    """Return for how many seconds at most nobody could connect while a backup was restored."""
    answered, ended = [time.monotonic()], threading.Event()

    def probe() -> None:
        while not ended.wait(PROBE_SECONDS):
            try:
                psycopg.connect(**bench.server, dbname="bench").close()
            except psycopg.OperationalError:
                continue
            answered.append(time.monotonic())

    prober = threading.Thread(target=probe)
    prober.start()
    try:
        bench.manage("restore", "latest", "--no-input", "--without-safety-backup")
    finally:
        ended.set()
        prober.join()
    return max(after - before for before, after in itertools.pairwise(answered))


def measure_health(bench: Bench) -> tuple[float, float]:
    """Return p50 and p95, in milliseconds, of /health/database/ asked of a real server process."""
    with _serving(bench) as port:
        milliseconds = [1_000 * _ask(port) for _request in range(HEALTH_REQUESTS)]
    percentiles = statistics.quantiles(milliseconds, n=20)
    return percentiles[9], percentiles[18]


def _ask(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    started = time.perf_counter()
    connection.request("GET", "/health/database/")
    response = connection.getresponse()
    response.read()
    seconds = time.perf_counter() - started
    connection.close()
    if response.status != http.client.OK:
        raise RuntimeError(f"/health/database/ answered {response.status}")
    return seconds


@contextmanager
def _serving(bench: Bench) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        command, cwd=BASE_DIR, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(port)
            yield port
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PROBE_SECONDS)
        else:
            return


def goals(timings: dict[str, Timing], memory: list[int], swap: float, health: float) -> list[Goal]:
    dump, backup, plain_cycle, verified = timings.values()
    found = []
    for kind in ("wall", "cpu"):
        ratio = getattr(backup, kind) / getattr(dump, kind)
        found.append(Goal(f"backup / plain dump, {kind}", ratio, 2.0, "×"))
        ratio = getattr(verified, kind) / getattr(plain_cycle, kind)
        found.append(Goal(f"verified backup / plain cycle, {kind}", ratio, 1.3, "×"))
    for size, peak in zip(("a quarter of the rows", "all rows"), memory, strict=True):
        found.append(Goal(f"memory of a verified backup, {size}", peak / MEGABYTE, 150, "MB"))
    found.append(Goal("swap: nobody can connect", swap, 1, "s"))
    found.append(Goal("/health/database/ p95", health, 50, "ms"))
    return found


def run(bench: Bench, *, thousands: int, runs: int) -> dict[str, object]:
    bench.create_database()
    bench.manage("migrate", "-v0")
    quarter = max(1, thousands // 4)
    seeding, _cpu = measure(lambda: bench.manage("seed", "--scale", str(quarter), "-v0"), bench.cpu)
    memory = [peak_memory(bench, "backup")]
    more, _cpu = measure(lambda: bench.manage("seed", "--scale", str(thousands), "-v0"), bench.cpu)
    with bench.connect() as connection:
        major = connection.info.server_version // 10_000
        [size] = connection.execute("SELECT pg_database_size('bench')").fetchone()
        [rows] = connection.execute("SELECT sum(reltuples) FROM pg_class WHERE relkind = 'r'").fetchone()
    timings = time_all(bench, Tools(bench, major=major), runs=runs)
    memory.append(peak_memory(bench, "backup"))
    median, p95 = measure_health(bench)
    return {
        "machine": machine(),
        "runs": runs,
        "rows": int(rows),
        "database_bytes": size,
        "seeding_seconds": round(seeding + more, 1),
        "health_p50_ms": round(median, 2),
        "timings": [asdict(timing) for timing in timings.values()],
        "goals": [
            {**asdict(goal), "reached": goal.reached}
            for goal in goals(timings, memory, measure_swap(bench), p95)
        ],
    }


def describe(result: dict[str, object]) -> str:
    """Return the result as Markdown tables."""
    head = (
        "{machine}, median of {runs}; {rows:,} rows, {database_bytes:,} bytes, seeded in {seeding_seconds} s"
    )
    lines = [head.format(**result), "", "| work | wall s | CPU s |", "|---|---:|---:|"]
    lines += ["| {work} | {wall:.2f} | {cpu:.2f} |".format(**timing) for timing in result["timings"]]
    lines += ["", "| goal | found | at most | |", "|---|---:|---:|---|"]
    for goal in result["goals"]:
        verdict = "reached" if goal["reached"] else "**missed**"
        lines.append("| {name} | {found:.2f} {unit} | {limit:g} {unit} | ".format(**goal) + f"{verdict} |")
    if result["size"] != "full":
        lines += [
            "",
            "The goals are those of the full size: here what it costs to start a process weighs more.",
        ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=THOUSANDS, default="small", help="How many rows.")
    parser.add_argument("--runs", type=int, help="Runs of each measurement; the median counts.")
    parser.add_argument("--json", action="store_true", dest="as_json", help="Print one JSON object.")
    options = parser.parse_args()
    adopt_orphans()
    runs = options.runs or (3 if options.size == "small" else 1)
    with scratch_bench() as bench:
        Path(bench.environment["MEDIA_ROOT"]).mkdir()
        result = {"size": options.size, **run(bench, thousands=THOUSANDS[options.size], runs=runs)}
    sys.stdout.write((json.dumps(result) if options.as_json else describe(result)) + "\n")


if __name__ == "__main__":
    main()
