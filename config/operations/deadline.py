"""Bounds work that has no time limit of its own, such as looking up the name of a host."""

from collections.abc import Callable
from typing import TypeVar

from config.operations.inquiry import begin

Answer = TypeVar("Answer")


def within(*, seconds: float, work: Callable[[], Answer]) -> Answer:
    """Return what `work` returns or raise what it raises; after `seconds` raise TimeoutError.

    Work that takes longer goes on in a thread that nobody waits for, not even the end of the process.
    """
    return begin(question=work, seconds=seconds).wait()
