"""The steps of a long piece of work: announced one by one, and timed."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Steps:
    """`seconds` is step → duration, in the order of the steps."""

    announce: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str, sentence: str) -> Iterator[None]:
        self.announce(sentence)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)
