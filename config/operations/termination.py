"""Lets a command that is told to stop leave in order."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_EXIT_CODE_OF_SIGNAL = 128  # plus its number, as a shell reports it


@contextlib.contextmanager
def orderly_termination() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP end this process by an exception, so that `finally` is honoured.

    By default they end it at once, and what it has started lives on.
    """
    previous = {number: signal.signal(number, _leave) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    for each in _SIGNALS:  # A second one must not interrupt the cleaning up.
        signal.signal(each, signal.SIG_IGN)
    sys.exit(_EXIT_CODE_OF_SIGNAL + number)
