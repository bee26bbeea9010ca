"""How long an operator waits for the commands that look before anything runs."""

import statistics
import subprocess
import sys
from dataclasses import dataclass

from config.env import BASE_DIR
from tests.benchmarks.measurement import Bench, measure

RUNS = 3
# Seconds of the whole process on the demo database, with one migration pending.
LIMITS = {("preflight",): 3.0, ("migrate_safely", "--check-only"): 2.0}
_BEFORE_NEWEST = ("budget", "0015_search_text")


@dataclass(frozen=True)
class CommandTiming:
    """Median seconds of a whole process, None when it could not run."""

    command: str
    limit: float
    seconds: float | None
    error: str = ""


def time_commands(bench: Bench) -> list[CommandTiming]:
    bench.create_database()
    bench.manage("migrate", "-v0")
    bench.manage("seed", "--demo", "-v0")
    bench.manage("migrate", *_BEFORE_NEWEST, "-v0")
    return [_time(bench, arguments, limit) for arguments, limit in LIMITS.items()]


def _time(bench: Bench, arguments: tuple[str, ...], limit: float) -> CommandTiming:
    found = []
    for _run in range(RUNS):
        finished = []
        wall, _cpu = measure(lambda finished=finished: finished.append(_start(bench, arguments)), lambda: 0.0)
        # An answer may be a bad one; a command that could not run has none.
        if not finished[0].stdout:
            reason = finished[0].stderr.strip().partition("\n")[0]
            return CommandTiming(" ".join(arguments), limit, None, reason)
        found.append(wall)
    return CommandTiming(" ".join(arguments), limit, round(statistics.median(found), 2))


def _start(bench: Bench, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run a command that may well answer that something is not as it should be."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=bench.environment,
        capture_output=True,
        text=True,
        check=False,
    )
