"""The steps of a long piece of work: announced one by one, and timed."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from config.operations.progress import Progress


@dataclass(frozen=True)
class Steps:
    """`seconds` is step → duration, in the order of the steps."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str, sentence: str) -> Iterator[None]:
        self.progress.step(sentence)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)
