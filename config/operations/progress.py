"""How far a long task is, for whoever waits at a terminal for it.

A function that takes long is given a Progress and never asks where that goes: to nobody, to a terminal as
bars, or, at verbosity 2, as one line for each step.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

BYTES = "B"

Advance = Callable[[int], None]
Item = TypeVar("Item")

_DETAILED = 2  # The verbosity at which each step is a line.
_PATIENCE_SECONDS = 2  # Whoever waits no longer than this needs no bar.
_TICK_SECONDS = 0.5
_SENTENCE_ALONE = "{desc} [{elapsed}]"


class Progress:
    """Says nothing: for callers that nobody watches."""

    def step(self, sentence: str) -> None:
        """Announce what begins now; the step before has ended with it."""

    def rest(self) -> None:
        """Show nothing until the next step: somebody is asked something."""

    @contextlib.contextmanager
    def measure(self, total: int, *, unit: str) -> Iterator[Advance]:
        """Yield a function that is told, from any thread, how many units more of `total` are done."""
        yield lambda done: None

    def each(self, items: Sequence[Item], *, unit: str) -> Iterator[Item]:
        """Yield the items, and measure how many of them are done."""
        with self.measure(len(items), unit=unit) as advance:
            for item in items:
                yield item
                advance(1)

    @contextlib.contextmanager
    def watch(self, total: int, *, unit: str, read: Callable[[], int]) -> Iterator[None]:
        """Measure by asking: where somebody watches, a thread calls `read`, which must not raise."""
        yield


SILENT = Progress()


@contextlib.contextmanager
def showing_progress(
    *, stream: TextIO, verbosity: int, patience: float = _PATIENCE_SECONDS
) -> Iterator[Progress]:
    """Yield what suits the verbosity and the stream; bars appear after `patience` seconds and go again."""
    if verbosity >= _DETAILED:
        yield _Lines(stream)
    elif verbosity and stream.isatty():
        with _ticking(_Bars(stream, patience)) as bars:
            yield bars
    else:
        yield SILENT


class _Lines(Progress):
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()

    def step(self, sentence: str) -> None:
        self._stream.write(f"{time.monotonic() - self._started:7.1f} s  {sentence}\n")
        self._stream.flush()


class _Bar(tqdm):  # type: ignore[type-arg]  # It is generic in its stub only.
    monitor_interval = 0  # We tick ourselves.


# The lock that tqdm makes by default is one between processes.
_Bar.set_lock(threading.RLock())


class _Bars(Progress):
    """The sentence of the step with its seconds and, below it, a bar for each measure that is open."""

    def __init__(self, stream: TextIO, patience: float) -> None:
        self._stream = stream
        self._patience = patience
        self._lock = threading.RLock()  # A bar that is closed while another thread draws it would stay.
        self._open: list[_Bar] = []
        self._sentence: _Bar | None = None

    def step(self, sentence: str) -> None:
        self._close(self._sentence)
        self._sentence = self._show(desc=sentence, bar_format=_SENTENCE_ALONE)

    def rest(self) -> None:
        self._close(self._sentence)

    @contextlib.contextmanager
    def measure(self, total: int, *, unit: str) -> Iterator[Advance]:
        bar = self._show(total=total, unit=unit if unit == BYTES else f" {unit}", unit_scale=True)
        try:
            yield lambda done: self._advance(bar, done)
        finally:
            self._close(bar)

    @contextlib.contextmanager
    def watch(self, total: int, *, unit: str, read: Callable[[], int]) -> Iterator[None]:
        with self.measure(total, unit=unit) as advance:
            seen = 0

            def look() -> None:
                nonlocal seen
                found = read()
                advance(found - seen)
                seen = found

            with _repeating(look):
                yield

    def tick(self) -> None:
        for bar in tuple(self._open):
            self._advance(bar, 0)

    def close(self) -> None:
        for bar in tuple(self._open):
            self._close(bar)

    def _show(self, **options: Any) -> _Bar:
        options |= {"file": self._stream, "delay": self._patience, "leave": False, "miniters": 0}
        with self._lock:
            self._open.append(_Bar(dynamic_ncols=True, **options))
            return self._open[-1]

    def _advance(self, bar: _Bar, done: int) -> None:
        with self._lock:
            bar.update(done)

    def _close(self, bar: _Bar | None) -> None:
        with self._lock:
            if bar in self._open:
                self._open.remove(bar)
                bar.close()


@contextlib.contextmanager
def _ticking(bars: _Bars) -> Iterator[_Bars]:
    """Keep the seconds going while nothing is reported."""
    try:
        with _repeating(bars.tick):
            yield bars
    finally:
        bars.close()


@contextlib.contextmanager
def _repeating(work: Callable[[], None]) -> Iterator[None]:
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(_TICK_SECONDS):
            work()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
