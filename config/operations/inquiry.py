"""Asks what may never be answered, waits only so long, and lets a crowd share one answer."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent import futures
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.utils import translation

Answer = TypeVar("Answer")

# A frozen disk or server keeps its threads until it answers: a bound for those who ask all the same.
_MOST_UNANSWERED = 4


class NoAnswer(TimeoutError):
    """The answer did not come in time."""


@dataclass(frozen=True, kw_only=True)
class Inquiry(Generic[Answer]):
    """A question on its way; `deadline` is on the clock of time.monotonic()."""

    deadline: float
    answer: futures.Future[Answer]

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() >= self.deadline

    def wait(self) -> Answer:
        """Return the answer, raise the question's own exception, or NoAnswer at the deadline."""
        remaining = max(0.0, self.deadline - time.monotonic())
        answered, _unanswered = futures.wait([self.answer], timeout=remaining)
        # Not by the timeout of result(), because a TimeoutError may also be what the question raised.
        if not answered:
            raise NoAnswer
        return self.answer.result()


_inquiries: dict[Hashable, list[Inquiry[Any]]] = {}
_lock = threading.Lock()


def ask(*, key: Hashable, question: Callable[[], Answer], seconds: float) -> Inquiry[Answer]:
    """Begin to answer `question`, or share the answer that is on its way for the same `key`.

    So a crowd costs what one costs.
    """
    with _lock:
        unanswered = [inquiry for inquiry in _inquiries.get(key, []) if not inquiry.answer.done()]
        if not unanswered or (unanswered[-1].is_overdue and len(unanswered) < _MOST_UNANSWERED):
            unanswered.append(begin(question=question, seconds=seconds))
        _inquiries[key] = unanswered
        return unanswered[-1]


def begin(*, question: Callable[[], Answer], seconds: float) -> Inquiry[Answer]:
    """Start answering in a thread of its own, with the language of the caller."""
    inquiry = Inquiry[Answer](deadline=time.monotonic() + seconds, answer=futures.Future())
    work = (question, inquiry.answer, translation.get_language())
    # A daemon, because the end of the process must not wait for the answer either.
    threading.Thread(target=_answer, args=work, name="inquiry", daemon=True).start()
    return inquiry


def _answer(question: Callable[[], Answer], answer: futures.Future[Answer], language: str | None) -> None:
    try:
        with translation.override(language):
            answer.set_result(question())
    except BaseException as error:  # It belongs to the one who asked.
        answer.set_exception(error)
