"""What an operation is given by whoever runs it: where progress goes, how long to wait, when to hold back.

Plain `migrate` gives nothing: silence and the defaults.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from config.migration_operations.busy_server import is_busy

PATIENCE_SECONDS = 60.0

Advance = Callable[[int], None]


class Progress(Protocol):
    """The part of config.operations.progress.Progress that is used here."""

    def step(self, sentence: str) -> None: ...

    def measure(self, total: int, *, unit: str) -> contextlib.AbstractContextManager[Advance]: ...


class _Silence:
    def step(self, sentence: str) -> None:
        pass

    @contextlib.contextmanager
    def measure(self, total: int, *, unit: str) -> Iterator[Advance]:
        yield lambda done: None


def _ignore(point: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """`patience_seconds` bounds each wait for others that brings nothing forward.

    `observe` is called with the name of each change that has been made, once inside of its transaction and,
    after the commit, once more.
    """

    progress: Progress = field(default_factory=_Silence)
    patience_seconds: float = PATIENCE_SECONDS
    is_busy: Callable[[BaseDatabaseWrapper], bool] = is_busy
    pause: Callable[[float], None] = time.sleep
    observe: Callable[[str], None] = _ignore


_NONE_GIVEN = Surroundings()
_CURRENT: ContextVar[Surroundings] = ContextVar("surroundings", default=_NONE_GIVEN)


def surroundings() -> Surroundings:
    return _CURRENT.get()


@contextlib.contextmanager
def surrounded_by(given: Surroundings) -> Iterator[None]:
    token = _CURRENT.set(given)
    try:
        yield
    finally:
        _CURRENT.reset(token)
