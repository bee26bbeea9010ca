"""How long clients wait while a migration runs: plain Django, the zero-downtime backend and ours in one run.

`make bench-migrations` makes a cluster of its own and measures there; SIZE=full is five million rows and
takes some hours. Control-C ends it, and prints what has been measured.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import psycopg

from config.cluster import Profile
from tests.benchmarks.measurement import Bench, machine, scratch_bench
from tests.benchmarks.schema_changes.cases import CASES, ENGINES, SITUATIONS
from tests.benchmarks.schema_changes.cells import Cell, Combination, Size, measure_quietly
from tests.benchmarks.schema_changes.commands import time_commands
from tests.benchmarks.schema_changes.databases import make_template
from tests.benchmarks.schema_changes.report import describe, describe_goals
from tests.benchmarks.schema_changes.statements import MIXTURE

COMMANDS = "commands"
SIZES = {
    "small": Size(rows=200_000, clients=20, rate=100, hold=3, control=3),
    "full": Size(rows=5_000_000, clients=50, rate=300, hold=12, control=10),
}
# Durable but for the newest half second. A checkpoint in the middle of a cell would tell of the disk only.
PROFILE = Profile(
    name="bench",
    settings=MappingProxyType(
        {
            "synchronous_commit": "off",
            "shared_buffers": "1GB",
            "max_wal_size": "16GB",
            "checkpoint_timeout": "1d",
            "autovacuum_naptime": "1s",
        }
    ),
    throwaway=True,
)


def measure_all(bench: Bench, combinations: Sequence[Combination], size: Size, tries: int) -> Iterator[Cell]:
    make_template(bench, rows=size.rows)
    plain: dict[tuple[str, str], float] = {}
    for number, combination in enumerate(combinations, start=1):
        cell = measure_quietly(bench, combination, size, tries=tries)
        if cell.engine == "plain" and not cell.error:
            plain[cell.case, cell.situation] = cell.seconds
        if not cell.error and (compared := plain.get((cell.case, cell.situation))):
            cell = replace(cell, ratio=cell.seconds / compared)
        sys.stderr.write(f"{number}/{len(combinations)} {_progress(cell)}\n")
        yield cell


def _progress(cell: Cell) -> str:
    waits = f"worst {cell.during.worst:,.0f} ms (before: {cell.control.worst:,.0f} ms)"
    name = f"{cell.case}, {cell.situation}, {cell.engine}"
    return f"{name}: {waits}, {cell.seconds:,.2f} s {describe_goals(cell)} {cell.error or cell.told}".rstrip()


def run(bench: Bench, options: argparse.Namespace) -> tuple[dict[str, Any], list[Cell]]:
    size = choose_size(options)
    cells, commands = [], []
    try:
        if COMMANDS in options.only:
            commands = time_commands(bench)
        if combinations := choose_combinations(options):
            cells.extend(measure_all(bench, combinations, size, options.tries))
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: this is what has been measured.\n")
    result = {"size": options.size, **asdict(size), **describe_machine(bench)}
    return {**result, "commands": [asdict(timing) for timing in commands]}, cells


def describe_machine(bench: Bench) -> dict[str, str]:
    with psycopg.connect(**bench.server, dbname="postgres") as connection:
        postgresql = connection.info.parameter_status("server_version").partition(" ")[0]
    return {
        "machine": machine(),
        "postgresql": postgresql,
        "django": version("django"),
        "psycopg": version("psycopg"),
        "zero_downtime": version("django-pg-zero-downtime-migrations"),
        "mixture": ", ".join(f"{number} {kind.decode()}" for kind, number in MIXTURE.items()),
    }


def choose_combinations(options: argparse.Namespace) -> list[Combination]:
    """Engines take turns, so that what else the machine does meets all of them."""
    return [
        Combination(case, situation, engine)
        for case in CASES
        for situation in SITUATIONS
        for engine in ENGINES
        if case in options.only and situation in options.situation and engine in options.engine
    ]


def choose_size(options: argparse.Namespace) -> Size:
    chosen = {name: getattr(options, name) for name in ("rows", "clients", "rate", "hold", "control")}
    given = {name: value for name, value in chosen.items() if value is not None}
    return replace(SIZES[options.size], **given)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small", help="How much of everything.")
    parser.add_argument("--rows", type=int, help="Rows of the table, instead of the size's.")
    parser.add_argument("--clients", type=int, help="Connections that write.")
    parser.add_argument("--rate", type=float, help="Requests that are due each second.")
    parser.add_argument("--hold", type=float, help="Seconds that a foreign transaction stays open.")
    parser.add_argument("--control", type=float, help="Seconds without a migration before each one.")
    parser.add_argument("--tries", type=int, default=1, help="Repeat what began on a busy machine.")
    _add_choice(parser, "--only", (*CASES, COMMANDS))
    _add_choice(parser, "--engine", ENGINES)
    _add_choice(parser, "--situation", SITUATIONS)
    parser.add_argument("--json", action="store_true", dest="as_json", help="Print one JSON object.")
    return parser.parse_args()


def _add_choice(parser: argparse.ArgumentParser, option: str, choices: tuple[str, ...]) -> None:
    def some(text: str) -> list[str]:
        if unknown := set(text.split(",")) - set(choices):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(choices)}")
        return text.split(",")

    parser.add_argument(option, type=some, default=choices, help=f"Some of: {', '.join(choices)}.")


def main() -> None:
    options = parse()
    with scratch_bench(PROFILE) as bench:
        result, cells = run(bench, options)
    if options.as_json:
        result["cells"] = [{**asdict(cell), "goals": describe_goals(cell)} for cell in cells]
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        sys.stdout.write(describe(result, cells) + "\n")


if __name__ == "__main__":
    main()
