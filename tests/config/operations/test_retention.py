"""Which backups are kept, whatever there is."""

import dataclasses
import datetime
import random
from pathlib import Path

import pytest
from django.utils.translation import override

from config.operations.backups import ListedBackup
from config.operations.manifest import Kind
from config.operations.retention import Policy, Reason, UnableToPrune, plan_retention
from tests.config.operations.test_manifest import MANIFEST, verified

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


def taken(age, *, result="L2", now=NOW, suffix="", **changes):
    """Return a backup of `age`, a number of days or a duration, before now."""
    moment = now - (age if isinstance(age, datetime.timedelta) else age * DAY)
    name = f"{moment:%Y%m%dT%H%M%SZ}_parish_budget_a1b2c3"
    manifest = verified(result) if result else verified()
    manifest = dataclasses.replace(manifest, id=name, started_at=moment, **changes)
    return ListedBackup(name=name + suffix, path=Path(name + suffix), manifest=manifest)


def unreadable(age, *, is_newer=False, name=None):
    name = name or f"{NOW - age * DAY:%Y%m%dT%H%M%SZ}_parish_budget_a1b2c3"
    return ListedBackup(
        name=name, path=Path(name), manifest=None, problem="torn", is_of_newer_release=is_newer
    )


def reasons(*backups, policy=None, now=NOW):
    decisions = plan_retention(backups=backups, now=now, policy=policy or Policy())
    return [decision.reason for decision in decisions]


THREE = (taken(0), taken(1), taken(2))


class TestPlanRetention:
    def test_keeps_one_a_day_a_week_a_month_and_a_year(self):
        backups = [taken(age) for age in range(6 * 366)]

        decisions = plan_retention(backups=backups, now=NOW, policy=Policy())

        kept = [decision for decision in decisions if decision.keeps]
        counts = [sum(each.reason is reason for each in kept) for reason in Reason]
        found = {reason: count for reason, count in zip(Reason, counts, strict=True) if count}
        assert found == {
            Reason.NEWEST: 1,
            Reason.FEWEST: 2,
            Reason.DAILY: 27,
            Reason.WEEKLY: 7,
            Reason.MONTHLY: 10,
            Reason.YEARLY: 3,
        }

    def test_keeps_the_newest_of_a_period(self):
        day = (taken(20), taken(20 * DAY + datetime.timedelta(hours=1)))

        assert reasons(*THREE, *day)[3:] == [Reason.DAILY, Reason.EXPIRED]

    def test_keeps_one_that_may_be_good_where_none_of_its_day_is_verified(self):
        unproved = (taken(20, result=""), taken(20 * DAY + datetime.timedelta(hours=1), result=""))

        assert reasons(*THREE, *unproved)[3:] == [Reason.DAILY, Reason.EXPIRED]

    def test_counts_the_days_of_seoul(self):
        # Half past one and eleven in the evening there are two days, and in UTC one.
        morning = datetime.datetime(2025, 7, 15, 16, 30, tzinfo=datetime.UTC)
        evening = datetime.datetime(2025, 7, 15, 14, 0, tzinfo=datetime.UTC)

        assert reasons(*THREE, taken(NOW - morning), taken(NOW - evening))[3:] == [Reason.DAILY] * 2

    def test_prefers_a_verified_one(self):
        later = taken(40, result="")

        found = reasons(*THREE, later, taken(40 * DAY + datetime.timedelta(hours=1)))

        assert found[3:] == [Reason.EXPIRED, Reason.WEEKLY]

    def test_never_goes_below_the_fewest_however_old(self):
        assert reasons(taken(4000), taken(5000), taken(6000)) == [Reason.NEWEST, Reason.FEWEST, Reason.FEWEST]

    def test_lets_nothing_grow_old_when_backups_have_stopped(self):
        backups = [taken(age) for age in range(60)]

        assert reasons(*backups) == reasons(*backups, now=NOW + 3000 * DAY)

    @pytest.mark.parametrize(
        ("backup", "reason"),
        [
            (taken(3000, pinned=True), Reason.PINNED),
            (taken(3000, pinned=True, result="L2!"), Reason.PINNED),
            (taken(2 * DAY + datetime.timedelta(hours=1), kind=Kind.MIGRATION), Reason.CHANGE),
            (taken(29 * DAY + datetime.timedelta(hours=1), kind=Kind.RESTORE), Reason.CHANGE),
            (taken(2 * DAY + datetime.timedelta(hours=1), kind=Kind.MANUAL), Reason.EXPIRED),
            (taken(3000, kind=Kind.MIGRATION), Reason.EXPIRED),
            (taken(0.5), Reason.FEWEST),
            (taken(0.5, result=""), Reason.RECENT),
            (taken(3, result="L2!"), Reason.EVIDENCE),
            (taken(8, result="L2!"), Reason.USELESS),
            (unreadable(3), Reason.EVIDENCE),
            (unreadable(8), Reason.USELESS),
            (unreadable(3000, is_newer=True), Reason.NEWER),
            (unreadable(3000, name="photographs"), Reason.FOREIGN),
            (taken(1, suffix=".partial"), Reason.UNFINISHED),
            (taken(1, suffix=".deleting"), Reason.DELETING),
        ],
    )
    def test_has_a_reason_for_each(self, backup, reason):
        assert reasons(*THREE, backup)[3] is reason

    def test_keeps_a_failed_one_until_a_verified_one_is_a_week_newer(self):
        failed, before = taken(0, result="L2!"), [taken(age) for age in (1, 2, 3)]

        assert reasons(failed, *before)[0] is Reason.EVIDENCE

    def test_deletes_nothing_when_none_is_verified(self):
        with pytest.raises(UnableToPrune, match="none is deleted"):
            reasons(taken(1, result=""), unreadable(2000))

    def test_deletes_nothing_when_the_clock_was_set_back(self):
        with pytest.raises(UnableToPrune, match="in the future"):
            reasons(*THREE, now=NOW - DAY)

    @pytest.mark.parametrize("seed", range(20))
    def test_holds_its_promises_for_any_backups(self, seed):
        chance = random.Random(seed)
        others = [
            taken(
                datetime.timedelta(seconds=chance.randrange(1, 3000 * 86_400)),
                result=chance.choice(["L2", "L2", "", "L2!"]),
                pinned=chance.random() < 0.1,
                kind=chance.choice(list(Kind)),
            )
            for _number in range(60)
        ]
        backups = [taken(0), *others]
        chance.shuffle(backups)
        decisions = plan_retention(backups=backups, now=NOW, policy=Policy())
        kept = [decision.backup for decision in decisions if decision.keeps]
        sound = [backup for backup in kept if backup.state == "verified"]

        assert [decision.backup for decision in decisions] == backups
        assert max(backups, key=lambda each: each.taken_at) in sound
        assert len(sound) >= 3
        assert all(each in kept for each in backups if each.manifest.pinned)
        # What was kept once is kept by the same rule as long as nothing is added.
        again = plan_retention(backups=kept, now=NOW, policy=Policy())
        assert all(decision.keeps for decision in again)


def test_the_fixture_is_what_backup_writes():
    assert taken(0).has_our_name
    assert MANIFEST.kind is Kind.MANUAL
