"""What the admin pages refuse, with which sentence, and what they leave to transitions."""

import pytest
from django.utils.translation import gettext, override

from budget.models import Budget, BudgetExpense, BudgetIncome, Event, Membership
from tests.budget.admin_forms import EVENT, INCOME, budget_form, errors, page, rows, sentence
from tests.factories import (
    BudgetFactory,
    EventFactory,
    MembershipFactory,
    OrganizationFactory,
    SettlementFactory,
    UserFactory,
)


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    return client


class TestRefusal:
    def test_of_a_second_membership_is_a_sentence(self, client):
        membership = MembershipFactory()
        again = {
            "user": membership.user_id,
            "organization": membership.organization_id,
            "role": "MEMBER",
            "joined_at_0": "2025-01-01",
            "joined_at_1": "10:00",
        }

        response = client.post(page(Membership, "add"), again)

        assert sentence(Membership, "membership_unique") in "".join(errors(response))

    def test_of_reversed_dates_is_a_sentence(self, client):
        form = {**EVENT, "organization": OrganizationFactory().pk, "end_date": "2025-07-01"}

        response = client.post(page(Event, "add"), form)

        assert sentence(Event, "event_dates_in_order") in "".join(errors(response))

    def test_of_an_event_for_an_inactive_organization_is_a_sentence(self, client):
        form = {**EVENT, "organization": OrganizationFactory(is_active=False).pk}

        response = client.post(page(Event, "add"), form)

        with override("ko"):
            refusal = gettext("This organization is inactive and gets no new event. Choose an active one.")
        assert refusal in "".join(errors(response))
        assert not Event.objects.exists()

    def test_spares_the_old_events_of_an_inactive_organization(self, client):
        event = EventFactory()
        event.organization.is_active = False
        event.organization.save()

        response = client.post(
            page(Event, "change", event.pk),
            {**EVENT, "organization": event.organization_id, "location": "수련원"},
        )

        assert response.status_code == 302
        assert Event.objects.get().location == "수련원"

    def test_of_an_amount_of_zero_is_a_sentence(self, client):
        budget = BudgetFactory()
        new = [{"display_order": "", **INCOME, "amount": "0"}]

        response = client.post(
            page(Budget, "change", budget.pk), budget_form(budget, incomes=rows("incomes", [], new))
        )

        assert sentence(BudgetIncome, "budget_income_amount_range") in "".join(errors(response))

    @pytest.mark.parametrize(
        "typed",
        [
            {"unit_price": "1,000,000,000,000", "quantity": "99999999", "times": "99999999"},
            {"unit_price": "1", "display_order": "2147483647"},
            {"unit_price": "99999999999999999999"},
        ],
    )
    def test_of_a_number_too_large_for_its_column_is_a_sentence(self, client, typed):
        line = {"budget": BudgetFactory().pk, "category": "식비", "quantity": 1, "times": 1, **typed}

        response = client.post(page(BudgetExpense, "add"), line)

        assert response.status_code == 200
        assert errors(response)
        assert not BudgetExpense.objects.exists()

    def test_to_delete_what_others_need_lists_them(self, client):
        budget = BudgetFactory()

        response = client.post(page(Event, "delete", budget.event_id), {"post": "yes"})

        assert budget in response.context["protected"] or str(budget) in str(response.context["protected"])
        assert Event.objects.filter(pk=budget.event_id).exists()


class TestTransition:
    @pytest.mark.parametrize("factory", [BudgetFactory, SettlementFactory, EventFactory])
    def test_cannot_be_made_by_typing_a_state(self, client, factory):
        row = factory()
        form = (
            {**EVENT, "organization": row.organization_id}
            if isinstance(row, Event)
            else {
                "event": row.event_id,
                "account_balance": 0,
                "cash_balance": 0,
                "return_amount": 0,
                **rows("incomes", []),
                **rows("expenses", []),
                **rows("items", []),
            }
        )

        response = client.post(
            page(type(row), "change", row.pk), {**form, "status": "COMPLETED", "version": 9}
        )

        assert response.status_code == 302
        assert type(row).objects.get().status == row.status

    def test_belongs_to_the_author_who_is_whoever_is_signed_in(self, client, superuser):
        form = {**EVENT, "organization": OrganizationFactory().pk, "created_by": UserFactory().pk}

        client.post(page(Event, "add"), form)

        assert Event.objects.get().created_by == superuser

    def test_leaves_the_author_when_another_person_edits(self, client, superuser):
        event = EventFactory()

        client.post(
            page(Event, "change", event.pk),
            {**EVENT, "organization": event.organization_id, "location": "성당"},
        )

        assert Event.objects.get().created_by != superuser
