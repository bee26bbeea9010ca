"""How long requests took from the moment they were due, whether a client was free for them or not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Request(NamedTuple):
    """Seconds of the monotonic clock. `noticed` is when the load's own process got to it."""

    due: float
    noticed: float
    done: float
    sqlstate: str


@dataclass(frozen=True)
class Waits:
    """Milliseconds; `own` is the longest that the process of the load kept a request lying itself."""

    requests: int
    failed: int
    p50: float
    p99: float
    worst: float
    over_100_ms: int
    over_1_s: int
    own: float


def summarise(requests: Sequence[Request], *, since: float, until: float) -> Waits:
    """Return the waits of the requests that were due or still waiting at some moment of this span."""
    concerned = [request for request in requests if request.due <= until and request.done >= since]
    waits = sorted(1_000 * (request.done - request.due) for request in concerned)
    return Waits(
        requests=len(waits),
        failed=sum(bool(request.sqlstate) for request in concerned),
        p50=percentile(waits, 0.50),
        p99=percentile(waits, 0.99),
        worst=percentile(waits, 1),
        over_100_ms=sum(wait > 100 for wait in waits),
        over_1_s=sum(wait > 1_000 for wait in waits),
        own=max((1_000 * (request.noticed - request.due) for request in concerned), default=0.0),
    )


def percentile(ascending: Sequence[float], fraction: float) -> float:
    """Return the smallest value that this fraction of all values does not exceed; 0 of none."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(fraction * len(ascending)) - 1)]
