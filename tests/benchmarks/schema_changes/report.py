"""The cells as one Markdown table."""

from collections.abc import Iterable, Sequence
from typing import Any

from tests.benchmarks.schema_changes.cases import ENGINES, LONGEST, WORST
from tests.benchmarks.schema_changes.cells import Cell

_COLUMNS = (
    "change",
    "situation",
    "engine",
    "control p99",
    "control worst",
    "requests",
    "p50",
    "p99",
    "worst",
    "> 100 ms",
    "> 1 s",
    "refused",
    "own",
    "migration s",
    "× plain",
    "goals",
    "remark",
)
_HEAD = """\
{machine}; PostgreSQL {postgresql}, Django {django}, psycopg {psycopg}, zero-downtime backend {zero_downtime}
{rows:,} rows, {clients} clients, {rate:g} requests a second offered (of ten: {mixture}); a foreign \
transaction stays open for {hold:g} s after the migration has begun, a control run takes {control:g} s

Milliseconds from the moment a request was due to its answer, whether a client was free for it or not, while \
the migration ran and a second after. Control: the same before it began. Own: the longest that the load \
itself kept a request lying. Refused: answered with an error, as when a new column wants a value.\
"""


def describe(result: dict[str, Any], cells: Sequence[Cell]) -> str:
    lines = [_HEAD.format(**result)]
    if cells:
        lines += ["", _row(_COLUMNS), _row(["---"] * 3 + ["---:"] * 12 + ["---"] * 2)]
        lines += [_row(_values(cell)) for cell in cells]
    if result["commands"]:
        lines += ["", "| command, demo database | s | at most | |", "|---|---:|---:|---|"]
        lines += [_row(_command(timing)) for timing in result["commands"]]
    if result["size"] != "full":
        lines += ["", "The goals are those of the full size."]
    return "\n".join(lines)


def describe_goals(cell: Cell) -> str:
    """Return what was to be reached, and whether it was; nothing for the rivals."""
    if cell.engine != ENGINES[-1]:
        return ""
    limits = f"≤ {WORST[cell.case]} ms"
    if longest := LONGEST[cell.case]:
        limits += f", ≤ {longest:g} ×"
    return f"{limits}: " + (f"**missed** ({', '.join(cell.missed)})" if cell.missed else "reached")


def _values(cell: Cell) -> list[str]:
    during = cell.during
    return [
        cell.case,
        cell.situation,
        cell.engine,
        *(f"{wait:,.0f}" for wait in (cell.control.p99, cell.control.worst)),
        f"{during.requests:,}",
        *(f"{wait:,.0f}" for wait in (during.p50, during.p99, during.worst)),
        *(f"{number:,}" for number in (during.over_100_ms, during.over_1_s, during.failed)),
        f"{during.own:,.0f}",
        f"{cell.seconds:,.2f}",
        "" if cell.ratio is None else f"{cell.ratio:.2f}",
        describe_goals(cell),
        (cell.error or cell.told).replace("|", "\\|"),
    ]


def _command(timing: dict[str, Any]) -> list[str]:
    seconds, limit = timing["seconds"], timing["limit"]
    if seconds is None:
        return [timing["command"], "", f"{limit:g}", timing["error"]]
    return [
        timing["command"],
        f"{seconds:.2f}",
        f"{limit:g}",
        "reached" if seconds <= limit else "**missed**",
    ]


def _row(values: Iterable[str]) -> str:
    return "| " + " | ".join(values) + " |"
