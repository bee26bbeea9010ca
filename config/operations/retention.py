"""Which backups to keep: by day, week, month and year, and never fewer than a bad night needs.

Ages are counted from the newest verified backup: when backups have stopped, or the clock has jumped ahead,
nothing becomes old.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.operations.backups import ListedBackup
from config.operations.manifest import Kind, State


class UnableToPrune(Exception):
    """Nothing may be deleted; the message says why."""


class Reason(TextChoices):
    """Why a backup is kept or deleted; of several, the first one here."""

    UNFINISHED = "unfinished", gettext_lazy("never finished")
    DELETING = "deleting", gettext_lazy("its deletion was interrupted")
    NEWER = "newer release", gettext_lazy("a newer release wrote it")
    FOREIGN = "foreign", gettext_lazy("it does not have the name of a backup")
    PINNED = "pinned", gettext_lazy("pinned")
    NEWEST = "newest", gettext_lazy("the newest verified one")
    FEWEST = "fewest", gettext_lazy("one of the fewest verified ones that are always kept")
    EVIDENCE = "evidence", gettext_lazy("failed or damaged, and not superseded for long enough")
    USELESS = "useless", gettext_lazy("failed or damaged, and superseded by a verified one")
    CHANGE = "change", gettext_lazy("taken before a recent migration or restore")
    RECENT = "recent", gettext_lazy("younger than a day")
    DAILY = "daily", gettext_lazy("the newest of its day")
    WEEKLY = "weekly", gettext_lazy("the newest of its week")
    MONTHLY = "monthly", gettext_lazy("the newest of its month")
    YEARLY = "yearly", gettext_lazy("the newest of its year")
    EXPIRED = "expired", gettext_lazy("too old, or a newer one of its day, week, month and year is kept")


_DELETES = {Reason.UNFINISHED, Reason.DELETING, Reason.USELESS, Reason.EXPIRED}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How far back one backup of each period is kept, and what is kept besides."""

    days: int = 30
    weeks: int = 12
    months: int = 12
    years: int = 5
    fewest_verified: int = 3
    days_after_change: int = 30
    days_of_failed: int = 7


@dataclass(frozen=True, kw_only=True)
class Decision:
    backup: ListedBackup
    reason: Reason

    @property
    def keeps(self) -> bool:
        return self.reason not in _DELETES


def plan_retention(
    *, backups: Sequence[ListedBackup], now: datetime.datetime, policy: Policy
) -> tuple[Decision, ...]:
    """Decide on each backup, in the order given; UnableToPrune when nothing can be relied on.

    Days are those of the project's time zone.
    """
    ordered = sorted(backups, key=_taken_at, reverse=True)
    verified = [backup for backup in ordered if backup.state == State.VERIFIED]
    if not verified:
        raise UnableToPrune(_("No backup is verified, so none is deleted. → Type: manage.py backup"))
    if _taken_at(ordered[0]) > now:
        sentence = _(
            "The backup %(name)s lies in the future, so no backup is deleted. → Correct the clock; "
            "if the clock was wrong then, delete that backup yourself."
        )
        raise UnableToPrune(sentence % {"name": ordered[0].name})
    rule = _Rule(policy=policy, verified=verified, periods=_newest_of_periods(ordered, verified[0], policy))
    return tuple(Decision(backup=backup, reason=rule.reason_for(backup)) for backup in backups)


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """`verified` is newest first; `periods` is the name of a backup → the period it stands for."""

    policy: Policy
    verified: Sequence[ListedBackup]
    periods: dict[str, Reason]

    def reason_for(self, backup: ListedBackup) -> Reason:
        return next(self._reasons(backup))

    def _reasons(self, backup: ListedBackup) -> Iterator[Reason]:
        age = _taken_at(self.verified[0]) - _taken_at(backup)
        yield from _reasons_of_state(backup)
        if backup in self.verified[:1]:
            yield Reason.NEWEST
        if backup in self.verified[: self.policy.fewest_verified]:
            yield Reason.FEWEST
        if backup.state in (State.FAILED, "damaged"):
            is_old = age > datetime.timedelta(days=self.policy.days_of_failed)
            yield Reason.USELESS if is_old else Reason.EVIDENCE
        if _precedes_change(backup) and age < datetime.timedelta(days=self.policy.days_after_change):
            yield Reason.CHANGE
        if age < datetime.timedelta(days=1):
            yield Reason.RECENT
        yield self.periods.get(backup.name, Reason.EXPIRED)


def _reasons_of_state(backup: ListedBackup) -> Iterator[Reason]:
    if not backup.has_our_name:
        yield Reason.FOREIGN
    if backup.state == "deleting":
        yield Reason.DELETING
    if backup.state == "partial":
        yield Reason.UNFINISHED
    if backup.is_of_newer_release:
        yield Reason.NEWER
    if backup.manifest is not None and backup.manifest.pinned:
        yield Reason.PINNED


def _precedes_change(backup: ListedBackup) -> bool:
    return backup.manifest is not None and backup.manifest.kind in (Kind.MIGRATION, Kind.RESTORE)


def _newest_of_periods(
    ordered: Sequence[ListedBackup], newest: ListedBackup, policy: Policy
) -> dict[str, Reason]:
    """Let a verified backup stand for its period, or, where there is none, one that may be good."""
    candidates = [
        each for state in (State.VERIFIED, State.COMPLETE) for each in ordered if each.state == state
    ]
    periods: dict[str, Reason] = {}
    for reason, number_of, limit in _periods(policy):
        found: dict[int, ListedBackup] = {}
        for backup in candidates:
            age = number_of(_day(newest)) - number_of(_day(backup))
            if age < limit:
                found.setdefault(age, backup)
        for backup in found.values():
            periods.setdefault(backup.name, reason)
    return periods


def _periods(policy: Policy) -> tuple[tuple[Reason, Callable[[datetime.date], int], int], ...]:
    """Return for each period its consecutive numbers and how many of them count."""
    return (
        (Reason.DAILY, datetime.date.toordinal, policy.days),
        (Reason.WEEKLY, lambda day: (day.toordinal() - 1) // 7, policy.weeks),  # From Monday to Sunday.
        (Reason.MONTHLY, lambda day: day.year * 12 + day.month, policy.months),
        (Reason.YEARLY, lambda day: day.year, policy.years),
    )


def _day(backup: ListedBackup) -> datetime.date:
    return timezone.localdate(_taken_at(backup), timezone.get_default_timezone())


def _taken_at(backup: ListedBackup) -> datetime.datetime:
    return backup.taken_at or datetime.datetime.min.replace(tzinfo=datetime.UTC)
