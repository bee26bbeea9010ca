"""What real sessions seldom are; the rest of the report is in test_activity.py."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from config.operations.activity import Activity
from config.operations.activity_report import report
from tests.config.operations.sessions import waiting

NOW = datetime(2025, 7, 19, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def lines(*sessions):
    activity = Activity(
        database="parish",
        user="parish",
        observed_at=NOW,
        longer_than_seconds=60,
        sessions=sessions,
        prepared=(),
    )
    return [line.text for line in report(activity=activity, width=80)]


class TestReport:
    def test_shows_the_time_of_the_committee(self):
        assert lines()[0] == "Database parish · 12:00:00 · sessions: 0, active: 0"

    def test_says_why_a_blocker_has_no_name(self):
        assert "1 (has just ended, or uses another database)" in lines(waiting(2, 1))

    def test_repeats_nothing_of_a_session_that_waits_for_two(self):
        shown = lines(waiting(1), waiting(2), waiting(3, 1, 2, statement="SELECT once"))

        assert "└─ 3 (shown above)" in shown
        assert sum("SELECT once" in line for line in shown) == 1
        assert any("behind 1, 2" in line for line in shown)

    @pytest.mark.parametrize(
        ("kind", "table", "sentence"),
        [
            ("relation", "budgets", "ShareLock budgets"),
            ("transactionid", "budgets", "a row of budgets"),
            ("tuple", "", "a row"),
            ("virtualxid", "", "the end of a transaction"),
            ("advisory", "", "advisory lock"),
            ("extend", "budgets", "ShareLock extend"),
        ],
    )
    def test_names_every_kind_of_lock(self, kind, table, sentence):
        shown = lines(waiting(1), waiting(2, 1, kind=kind, table=table))

        assert f"     waits for {sentence}, ?" in shown

    @pytest.mark.parametrize(
        ("age", "duration"),
        [
            (timedelta(seconds=-3), "0 s"),
            (timedelta(seconds=59), "59 s"),
            (timedelta(seconds=125), "2 min 5 s"),
            (timedelta(hours=1), "1 h"),
            (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
        ],
    )
    def test_tells_ages_in_the_two_largest_units(self, age, duration):
        idle = waiting(1, state="idle in transaction", transaction_started_at=NOW - age)

        assert any(line.startswith(f"  transaction: for {duration} (since ") for line in lines(idle))

    def test_shows_a_state_that_it_does_not_know_as_it_is(self):
        shown = lines(waiting(1, state="disabled"), waiting(2, 1))

        assert "1 parish · local socket · disabled" in shown
