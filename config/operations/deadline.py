"""Bounds work that has no time limit of its own, such as looking up the name of a host."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def within(*, seconds: float, work: Callable[[], Answer]) -> Answer:
    """Return what `work` returns or raise what it raises; after `seconds` raise TimeoutError.

    Work that takes longer goes on in a thread that nobody waits for, not even the end of the process.
    """
    results: queue.SimpleQueue[tuple[Answer | None, Exception | None]] = queue.SimpleQueue()
    threading.Thread(target=lambda: results.put(_outcome(work)), daemon=True).start()
    try:
        answer, error = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]  # without an error it is what `work` returned


def _outcome(work: Callable[[], Answer]) -> tuple[Answer | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:
        return None, error
