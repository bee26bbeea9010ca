"""The lists of the admin: what a search finds, and what the columns and filters show."""

import pytest
from django.db import connection, transaction

from budget.admin.filters import YEARS_WITH_EVENTS
from budget.models import Budget, Event, Membership, SettlementItem, User
from budget.search import matching
from tests.budget.admin_forms import page
from tests.factories import BudgetFactory, EventFactory, UserFactory


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    return client


class TestSearch:
    def test_finds_an_event_by_two_syllables_inside_its_name(self, client):
        found = EventFactory(name="겨울피정 2025")
        EventFactory(name="여름캠프")

        response = client.get(page(Event, "changelist"), {"q": "피정"})

        assert list(response.context["cl"].queryset) == [found]

    def test_finds_a_budget_by_the_name_of_its_event(self, client):
        found = BudgetFactory(event__name="겨울피정 2025")
        BudgetFactory(event__name="여름캠프")

        response = client.get(page(Budget, "changelist"), {"q": "피정"})

        assert list(response.context["cl"].queryset) == [found]

    def test_finds_what_is_typed_in_capitals(self, client):
        found = EventFactory(name="Easter 모임")

        response = client.get(page(Event, "changelist"), {"q": "EASTER"})

        assert list(response.context["cl"].queryset) == [found]

    def test_needs_every_word(self, client):
        EventFactory(name="겨울피정")

        response = client.get(page(Event, "changelist"), {"q": "피정 여름"})

        assert not response.context["cl"].queryset

    def test_finds_a_person_by_part_of_a_syllable(self, client):
        found = UserFactory(name="김은총")

        response = client.get(page(User, "changelist"), {"q": "으"})

        assert found in response.context["cl"].queryset

    @pytest.mark.parametrize(
        ("model", "path", "index"),
        [
            (Event, "", "events_search"),
            (Budget, "event__", "events_search"),
            (Membership, "user__", "users_search"),
            (SettlementItem, "", "settlement_items_search"),
        ],
    )
    def test_of_two_syllables_uses_the_index(self, db, model, path, index):
        assert f"Bitmap Index Scan on {index} " in plan_of(matching(model.objects.all(), "피정", path=path))

    def test_of_two_syllables_is_answered_by_the_index_alone(self, db):
        found = EventFactory(name="겨울피정 2025")
        EventFactory.create_batch(20, organization=found.organization, created_by=found.created_by)

        plan = plan_of(matching(Event.objects.all(), "피정"), analyze=True)

        # An index of whole syllables would return every row, for the table to be read.
        assert "Bitmap Index Scan on events_search" in plan
        assert "Rows Removed" not in plan


def plan_of(queryset, **options):
    """Explain the query on a small table as if it were a big one, which nobody reads from end to end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
        return queryset.explain(**options)


class TestList:
    @pytest.mark.parametrize(
        ("first", "last", "shown"),
        [
            ("2025-08-01", "2025-08-01", ">2025-08-01<"),
            ("2025-08-01", "2025-08-03", ">2025-08-01 – 08-03<"),
            ("2025-12-31", "2026-01-01", ">2025-12-31 – 2026-01-01<"),
        ],
    )
    def test_of_events_says_the_period_as_short_as_it_can(self, client, first, last, shown):
        EventFactory(start_date=first, end_date=last)

        assert shown in client.get(page(Event, "changelist")).text

    def test_of_budgets_is_narrowed_to_a_year(self, client):
        old = BudgetFactory(event__start_date="2023-12-31", event__end_date="2024-01-01")
        new = BudgetFactory(event__start_date="2025-01-01", event__end_date="2025-01-01")

        offered = client.get(page(Budget, "changelist")).context["cl"].filter_specs[0].lookup_choices
        listed = client.get(page(Budget, "changelist"), {"year": "2023"}).context["cl"].queryset
        tampered = client.get(page(Budget, "changelist"), {"year": "x"}).context["cl"].queryset

        assert [year for year, _label in offered] == ["2025", "2023"]
        assert list(listed) == [old]
        assert set(tampered) == {old, new}

    def test_offers_only_years_that_have_events(self, client):
        for day in ("2100-12-31", "2025-12-31", "2025-01-01", "2024-12-31", "2000-01-01"):
            EventFactory(start_date=day, end_date=day)

        offered = client.get(page(Event, "changelist")).context["cl"].filter_specs[0].lookup_choices

        assert [year for year, _label in offered] == ["2100", "2025", "2024", "2000"]

    def test_offers_no_year_without_events(self, client):
        assert client.get(page(Event, "changelist"), {"year": "2025"}).status_code == 200

    def test_asks_the_index_alone_for_its_years(self, db):
        EventFactory()

        with connection.cursor() as cursor:
            for method in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{method} = off")
            cursor.execute(f"EXPLAIN (ANALYZE) {YEARS_WITH_EVENTS}")
            plan = "\n".join(line for (line,) in cursor.fetchall())

        # Twice: for the last event, and for the last one before a year.
        assert plan.count("Limit") == plan.count("using events_by_date on events") == 2
        assert "Seq Scan on events" not in plan
