"""Money and lines on the pages of budgets and settlements."""

from contextlib import closing

import pytest
from django.db import OperationalError, connection, transaction

from budget.admin.lines import next_order
from budget.models import Budget, BudgetExpense, BudgetIncome, Event
from tests.budget.admin_forms import INCOME, budget_form, errors, page, rows, sentence
from tests.factories import (
    BudgetExpenseFactory,
    BudgetFactory,
    BudgetIncomeFactory,
    EventFactory,
    SettlementItemFactory,
    UserFactory,
)


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    return client


class TestMoney:
    def test_is_typed_and_shown_with_separators_in_lines(self, client):
        budget = BudgetFactory()

        client.post(
            page(Budget, "change", budget.pk),
            budget_form(budget, incomes=rows("incomes", [], [{"display_order": "", **INCOME}])),
        )
        response = client.get(page(Budget, "change", budget.pk))

        assert budget.incomes.get().amount == 1_400_000
        assert 'name="incomes-0-amount" value="1,400,000"' in response.text

    def test_is_shown_with_separators_in_lists(self, client):
        BudgetIncomeFactory(amount=1_400_000)

        response = client.get(page(Budget, "changelist"))

        assert 'field-won_total_income">1,400,000' in response.text

    def test_of_a_generated_amount_is_shown_and_not_typed(self, client):
        line = BudgetExpenseFactory(unit_price=8_000, quantity=30, times=2)

        response = client.get(page(Budget, "change", line.budget_id))

        assert "480,000" in response.text
        assert "expenses-0-amount" not in response.text

    def test_names_years_without_a_separator(self, client):
        EventFactory(start_date="2025-08-01")

        response = client.get(page(Event, "changelist"))

        assert "2,025" not in response.text


class TestLine:
    def test_without_a_place_goes_behind_the_others(self, client):
        first = BudgetIncomeFactory(display_order=7)
        new = [{"display_order": "", **INCOME}, {"display_order": "", **INCOME, "title": "후원금"}]
        unchanged = (first, {"display_order": 7, **INCOME})

        client.post(
            page(Budget, "change", first.budget_id),
            budget_form(first.budget, incomes=rows("incomes", [unchanged], new)),
        )

        lines = first.budget.incomes.order_by("display_order").values_list("display_order", "title")
        assert list(lines) == [(7, "참가비"), (8, "참가비"), (9, "후원금")]

    def test_is_the_first_of_a_new_budget(self, client):
        event = EventFactory()
        new = rows("incomes", [], [{"display_order": "", **INCOME}])

        client.post(page(Budget, "add"), {"event": event.pk, **new, **rows("expenses", [])})

        assert event.budget.incomes.get().display_order == 1

    def test_on_its_own_page_goes_behind_the_others_too(self, client):
        line = BudgetIncomeFactory(display_order=3)

        client.post(page(BudgetIncome, "add"), {"budget": line.budget_id, "display_order": "", **INCOME})

        assert line.budget.incomes.order_by("display_order").last().display_order == 4

    @pytest.mark.django_db(transaction=True)
    def test_keeps_others_from_adding_one_until_it_is_saved(self):
        line = BudgetIncomeFactory()
        lock = "SELECT FROM budgets WHERE id = %s FOR UPDATE NOWAIT"

        with closing(connection.copy()) as other, transaction.atomic():
            place = next_order(line=line, parent="budget")
            with pytest.raises(OperationalError, match="could not obtain lock"), other.cursor() as cursor:
                cursor.execute(lock, [line.budget_id])

        assert place == line.display_order + 1

    def test_changes_places_with_another(self, client):
        budget = BudgetFactory()
        first, second = (BudgetIncomeFactory(budget=budget, display_order=place) for place in (1, 2))
        swapped = [(first, {"display_order": 2, **INCOME}), (second, {"display_order": 1, **INCOME})]

        client.post(page(Budget, "change", budget.pk), budget_form(budget, incomes=rows("incomes", swapped)))

        assert list(budget.incomes.order_by("display_order")) == [second, first]

    def test_is_refused_the_place_of_another_with_the_sentence(self, client):
        budget = BudgetFactory()
        new = [{"display_order": 1, **INCOME}, {"display_order": 1, **INCOME}]

        response = client.post(
            page(Budget, "change", budget.pk), budget_form(budget, incomes=rows("incomes", [], new))
        )

        assert sentence(BudgetIncome, "budget_income_order_unique") in "".join(errors(response))
        assert not budget.incomes.exists()

    def test_shows_a_quantity_without_the_zeros_of_its_column(self, client):
        line = BudgetExpenseFactory(quantity=30, quantity_unit="명", times=2.5)

        form = client.get(page(Budget, "change", line.budget_id)).text
        listed = client.get(page(BudgetExpense, "changelist")).text

        assert 'name="expenses-0-quantity" value="30"' in form
        assert "× 30명 × 2.5" in listed

    def test_of_a_settlement_names_whom_to_reimburse(self, client):
        line = SettlementItemFactory(paid_by=UserFactory(name="박베드로"))

        response = client.get(page(type(line.settlement), "change", line.settlement_id))

        assert "박베드로 &lt;" in response.text
