"""What the items of the checklist are told, and what they answer."""

import datetime
import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils.functional import Promise

from config.operations.progress import SILENT, Progress


class Outcome(enum.StrEnum):
    """Worst last."""

    OK = "ok"
    SKIPPED = "skipped"  # Without the database it could not be asked.
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Where and how to ask. What matters to a deploy only is a failure where `is_strict`, else a warning.

    `folder` is the one of the backups. `is_interrupted` tells that a migration waits for its continuation,
    which explains much that would be wrong otherwise.
    """

    alias: str
    folder: Path
    now: datetime.datetime
    is_strict: bool
    is_interrupted: bool = False
    is_reachable: bool = True
    progress: Progress = SILENT

    @property
    def connection(self) -> DatabaseWrapper:
        """The connection of the thread that asks."""
        return cast("DatabaseWrapper", connections[self.alias])

    def rows(self, query: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One sentence, and what to do or type next unless all is well; `details` are lines that show it."""

    outcome: Outcome
    sentence: str
    remedy: str = ""
    details: tuple[str, ...] = ()


Remarks = Iterator[Remark]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of the checklist: its number is part of the id among Django's checks."""

    name: str
    title: str | Promise
    number: int
    ask: Callable[[Circumstances], Remarks]
    needs_database: bool = True


def fine(sentence: str) -> Remark:
    return Remark(outcome=Outcome.OK, sentence=sentence)


def warning(sentence: str, remedy: str, *, details: Sequence[str] = ()) -> Remark:
    return Remark(outcome=Outcome.WARNING, sentence=sentence, remedy=remedy, details=tuple(details))


def failed(sentence: str, remedy: str, *, details: Sequence[str] = ()) -> Remark:
    return Remark(outcome=Outcome.FAILED, sentence=sentence, remedy=remedy, details=tuple(details))


def failed_where_strict(
    circumstances: Circumstances, sentence: str, remedy: str, *, details: Sequence[str] = ()
) -> Remark:
    """Return a failure where people depend on the system, and a warning on a developer's machine."""
    judge = failed if circumstances.is_strict else warning
    return judge(sentence, remedy, details=details)
