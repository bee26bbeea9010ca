"""Who acts, from where and why: what the triggers of the audit trail copy into every entry."""

import contextlib
import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

_LONGEST_NAME = 100
_LONGEST_EMAIL = 254
_LONGEST_TEXT = 500


@dataclass(frozen=True, kw_only=True)
class Context:
    """One who acts. What is not known is empty."""

    actor_id: UUID | None = None
    actor_name: str = ""
    actor_email: str = ""
    session_hash: str = ""
    ip_address: str = ""
    user_agent: str = ""
    request_id: UUID | None = None
    command: str = ""
    reason: str = ""

    @cached_property
    def as_json(self) -> str:
        """The value of the setting audit.context; empty when nothing is known."""
        known = {name: str(value) for name, value in asdict(self).items() if value}
        return json.dumps(known, ensure_ascii=False) if known else ""


NOBODY = Context()

_source: ContextVar[Callable[[], Context]] = ContextVar("audit_context", default=lambda: NOBODY)


def current_context() -> Context:
    """Return who acts now; the same object again for as long as nothing about it has changed."""
    return _source.get()()


@contextlib.contextmanager
def context_from(source: Callable[[], Context]) -> Iterator[None]:
    """Let `source` say who acts, whenever it is asked, and nobody else. What was known before is forgotten.

    A thread that is started inside knows nothing of it.
    """
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


@contextlib.contextmanager
def acting_as(
    *,
    actor: Any = None,
    session_hash: str = "",
    ip_address: str = "",
    user_agent: str = "",
    request_id: UUID | None = None,
    command: str = "",
    reason: str = "",
) -> Iterator[None]:
    """Act as somebody for a while: what is named replaces what was known, the rest stays as it is."""
    changes = {
        "session_hash": session_hash,
        "ip_address": ip_address,
        "user_agent": fitting(user_agent),
        "request_id": request_id,
        "command": fitting(command, longest=_LONGEST_NAME),
        "reason": fitting(reason, longest=None),
    }
    changes = {name: value for name, value in changes.items() if value}
    if actor is not None:
        changes |= identity(actor)
    with context_from(_Layer(_source.get(), changes)):
        yield


def identity(actor: Any) -> dict[str, Any]:
    """Return the fields of a context that name a person: empty ones for somebody who has not signed in."""
    if actor.pk is None:
        return {"actor_id": None, "actor_name": "", "actor_email": ""}
    return {
        "actor_id": actor.pk,
        "actor_name": fitting(actor.get_full_name(), longest=_LONGEST_NAME),
        "actor_email": fitting(actor.get_username(), longest=_LONGEST_EMAIL),
    }


def fitting(text: str, *, longest: int | None = _LONGEST_TEXT) -> str:
    """Return `text` as the database can take it, so that nothing a client sends makes an entry impossible."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:longest]


class _Layer:
    """Some fields over a context that may change beneath them."""

    def __init__(self, below: Callable[[], Context], changes: dict[str, Any]) -> None:
        self._below = below
        self._changes = changes
        self._base: Context | None = None
        self._context = NOBODY

    def __call__(self) -> Context:
        base = self._below()
        if base is not self._base:
            self._base, self._context = base, replace(base, **self._changes)
        return self._context
