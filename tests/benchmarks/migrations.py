"""How long migrating takes: each command as a whole process, and its SQL alone on the same server.

`make bench` runs it on a scratch cluster of its own. Wall and CPU seconds are medians; CPU is that of the
client process, and for the SQL alone that of client and server together.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from config.cluster import SCRATCH, Cluster, running
from config.env import BASE_DIR

NEWEST, BEFORE_NEWEST = ("budget", "0016_search_indexes"), ("budget", "0015_search_text")


@dataclass(frozen=True)
class Timing:
    """Median seconds of one command."""

    command: str
    process_wall: float
    process_cpu: float
    sql_wall: float
    sql_cpu: float


@dataclass(frozen=True)
class Case:
    """A command, and the command that brings the database into the state it starts from."""

    name: str
    arguments: tuple[str, ...]
    preparation: tuple[str, ...] | None


CASES = (
    Case("migrate, from empty", ("migrate",), None),
    Case("migrate, one revert", ("migrate", *BEFORE_NEWEST), ("migrate",)),
    Case("showmigrations", ("showmigrations",), ("migrate",)),
)


class Bench:
    """A scratch server and one database on it that is made anew before each measurement."""

    def __init__(self, cluster: Cluster) -> None:
        password = cluster.password_file.read_text().strip().rpartition(":")[2]
        self.server = {"host": str(cluster.socket_directory), "user": cluster.user, "password": password}
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DB_HOST": self.server["host"],
            "DB_USERNAME": self.server["user"],
            "DB_PASSWORD": self.server["password"],
            "DB_NAME": "bench",
        }

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        finished = subprocess.run(
            command, cwd=BASE_DIR, env=self.environment, capture_output=True, text=True, check=True
        )
        return finished.stdout

    def prepare(self, case: Case) -> None:
        with psycopg.connect(**self.server, dbname="postgres", autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS bench")
            connection.execute("CREATE DATABASE bench")
        if case.preparation:
            self.manage(*case.preparation)

    def statements(self, case: Case) -> list[str]:
        """Return the SQL of a command, as its process sends it."""
        self.prepare(case)
        return json.loads(self.manage("shell", "--no-imports", "--command", RECORD.format(case.arguments)))

    def connect(self) -> psycopg.Connection:
        # The search path that config/databases.py gives to Django's connections.
        path = "-c search_path=public,extensions"
        return psycopg.connect(**self.server, dbname="bench", autocommit=True, options=path)


# Runs in a process of its own, because a project can be set up only once in a process.
RECORD = """
import io, json
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
with CaptureQueriesContext(connection) as captured:
    call_command(*{!r}, stdout=io.StringIO())
print(json.dumps([query["sql"] for query in captured.captured_queries]))
"""


def measure(work: Callable[[], object], cpu: Callable[[], float]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall_before, cpu_before = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall_before, cpu() - cpu_before


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu_of_backend(pid: int) -> float:
    """Return the CPU seconds of a server process (proc(5): utime and stime, in clock ticks)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_process(bench: Bench, case: Case) -> tuple[float, float]:
    bench.prepare(case)
    return measure(lambda: bench.manage(*case.arguments), cpu_of_children)


def measure_sql(bench: Bench, case: Case, statements: list[str]) -> tuple[float, float]:
    bench.prepare(case)
    with bench.connect() as connection:
        backend = connection.info.backend_pid

        def execute_all() -> None:
            for statement in statements:
                connection.execute(statement)

        return measure(execute_all, lambda: time.process_time() + cpu_of_backend(backend))


def time_case(bench: Bench, case: Case, *, runs: int) -> Timing:
    statements = bench.statements(case)
    processes = [measure_process(bench, case) for _run in range(runs)]
    replays = [measure_sql(bench, case, statements) for _run in range(runs)]
    medians = [
        statistics.median(column) for column in (*zip(*processes, strict=True), *zip(*replays, strict=True))
    ]
    return Timing(case.name, *(round(median, 3) for median in medians))


@contextmanager
def scratch_bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        # The server's account has to get through; only the cluster's own folders are closed.
        Path(folder).chmod(0o711)
        with running(cluster=Cluster(profile=SCRATCH, folder=Path(folder) / "postgres")) as started:
            yield Bench(started.cluster)


def table(timings: list[Timing]) -> str:
    """Return the timings as a Markdown table."""
    lines = [
        "| command | process wall s | process CPU s | SQL wall s | SQL CPU s |",
        "|---|---:|---:|---:|---:|",
    ]
    for timing in timings:
        _name, *seconds = asdict(timing).values()
        lines.append(f"| {timing.command} | " + " | ".join(f"{value:.2f}" for value in seconds) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="Runs of each measurement; the median counts.")
    parser.add_argument("--json", action="store_true", dest="as_json", help="Print one JSON object.")
    options = parser.parse_args()
    with scratch_bench() as bench:
        timings = [time_case(bench, case, runs=options.runs) for case in CASES]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    if options.as_json:
        result = {"machine": machine, "runs": options.runs, "timings": [asdict(timing) for timing in timings]}
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        sys.stdout.write(f"{machine}, median of {options.runs} runs\n\n{table(timings)}\n")


if __name__ == "__main__":
    main()
