"""Deletes what was dropped long ago, and lies in a verified backup besides.

As with backups, ages are counted from the newest verified one: when backups have stopped, or the clock has
jumped ahead, nothing becomes old.
"""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy

from config.migration_operations.guard import run_guarded
from config.operations.backups import list_backups
from config.operations.manifest import State
from config.operations.schema_change.attic_entries import Entry, list_attic, remove_entry


class Reason(TextChoices):
    """Why what was dropped is kept or deleted; of several, the first one here."""

    GROWING = "growing", gettext_lazy("it is still being copied")
    UNSAVED = "unsaved", gettext_lazy("no verified backup is newer")
    RECENT = "recent", gettext_lazy("dropped not long before the newest verified backup")
    EXPIRED = "expired", gettext_lazy("dropped long before the newest verified backup")


@dataclass(frozen=True, kw_only=True)
class Decision:
    entry: Entry
    reason: Reason

    @property
    def keeps(self) -> bool:
        return self.reason is not Reason.EXPIRED


def plan_pruning(
    *, connection: DatabaseWrapper, folder: Path, now: datetime.datetime, days: int
) -> tuple[Decision, ...]:
    """Say what `prune_attic` would delete, the oldest first."""
    saved_at = _newest_verified(folder, now)
    return tuple(
        Decision(entry=entry, reason=_reason_for(entry, saved_at, days))
        for entry in list_attic(connection=connection)
    )


def prune_attic(
    *, connection: DatabaseWrapper, decisions: Sequence[Decision], only: Collection[str]
) -> tuple[Entry, ...]:
    """Delete what is decided on, but nothing besides `only`, the names that were agreed to; return it."""
    deleted = [each.entry for each in decisions if not each.keeps and each.entry.name in only]
    for entry in deleted:
        run_guarded(lambda gone=entry: remove_entry(connection=connection, entry=gone), connection=connection)  # type: ignore[misc]
    return tuple(deleted)


def _newest_verified(folder: Path, now: datetime.datetime) -> datetime.datetime | None:
    """Leave out what a clock that was wrong has dated in the future."""
    taken = [
        backup.taken_at
        for backup in list_backups(folder=folder)
        if backup.state == State.VERIFIED and backup.taken_at and backup.taken_at <= now
    ]
    return max(taken, default=None)


def _reason_for(entry: Entry, saved_at: datetime.datetime | None, days: int) -> Reason:
    if entry.is_growing:
        return Reason.GROWING
    if saved_at is None or saved_at <= entry.at:
        return Reason.UNSAVED
    is_old = saved_at - entry.at > datetime.timedelta(days=days)
    return Reason.EXPIRED if is_old else Reason.RECENT
