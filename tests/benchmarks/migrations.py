"""How long migrating takes: each command as a whole process, and its SQL alone on the same server.

`make bench` runs it on a scratch cluster of its own. Wall and CPU seconds are medians; CPU is that of the
client process, and for the SQL alone that of client and server together.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass

from tests.benchmarks.measurement import (
    Bench,
    cpu_of_children,
    cpu_of_process,
    machine,
    measure,
    scratch_bench,
)

NEWEST, BEFORE_NEWEST = ("budget", "0017_audit"), ("budget", "0015_search_text")


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


def prepare(bench: Bench, case: Case) -> None:
    bench.create_database()
    if case.preparation:
        bench.manage(*case.preparation)


def read_statements(bench: Bench, case: Case) -> list[str]:
    """Return the SQL of a command, as its process sends it."""
    prepare(bench, case)
    return json.loads(bench.manage("shell", "--no-imports", "--command", RECORD.format(case.arguments)))


# Runs in a process of its own, because a project can be set up only once in a process.
RECORD = """
import io, json
from django.core.management import call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext
with CaptureQueriesContext(connections["default"]) as read, \\
        CaptureQueriesContext(connections["owner"]) as owned:
    call_command(*{!r}, stdout=io.StringIO())
print(json.dumps([query["sql"] for query in [*read.captured_queries, *owned.captured_queries]]))
"""


def measure_process(bench: Bench, case: Case) -> tuple[float, float]:
    prepare(bench, case)
    return measure(lambda: bench.manage(*case.arguments), cpu_of_children)


def measure_sql(bench: Bench, case: Case, statements: list[str]) -> tuple[float, float]:
    prepare(bench, case)
    with bench.connect() as connection:
        backend = connection.info.backend_pid

        def execute_all() -> None:
            for statement in statements:
                connection.execute(statement)

        return measure(execute_all, lambda: time.process_time() + cpu_of_process(backend))


def time_case(bench: Bench, case: Case, *, runs: int) -> Timing:
    statements = read_statements(bench, case)
    processes = [measure_process(bench, case) for _run in range(runs)]
    replays = [measure_sql(bench, case, statements) for _run in range(runs)]
    medians = [
        statistics.median(column) for column in (*zip(*processes, strict=True), *zip(*replays, strict=True))
    ]
    return Timing(case.name, *(round(median, 3) for median in medians))


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
    if options.as_json:
        result = {
            "machine": machine(),
            "runs": options.runs,
            "timings": [asdict(timing) for timing in timings],
        }
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        sys.stdout.write(f"{machine()}, median of {options.runs} runs\n\n{table(timings)}\n")


if __name__ == "__main__":
    main()
