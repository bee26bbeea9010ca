"""Addresses and forms that no page of ours sends, and what is answered to them."""

import logging

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils.translation import gettext, override

from audit.models import AuditTrail
from budget.models import Budget, Event, Membership, User
from config.bad_requests import BadRequestMiddleware
from tests import factories
from tests.budget.admin_forms import EVENT, page, rows
from tests.factories import EventFactory, OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    return client


def is_refused(response):
    with override("ko"):
        sentence = gettext("The address or the form holds a value that is not valid. Go back and try again.")
    return response.status_code == 400 and response.text == sentence


FACTORIES = {
    factory._meta.model: factory
    for factory in vars(factories).values()
    if hasattr(factory, "_meta") and hasattr(factory, "create_batch")
}


def link_to(key):
    return reverse("admin:view_on_site", args=(ContentType.objects.get_for_model(Event).pk, key))


AUTOCOMPLETE = "?app_label=budget&model_name=budget&field_name=event"


class TestNulByte:
    @pytest.mark.parametrize("query", ["?status__exact=%00", "?q=%00", "?year=%00", "?%00=1", "?q=a&q=%00"])
    def test_is_refused_in_the_address_of_a_list(self, client, query):
        assert is_refused(client.get(page(Event, "changelist") + query))

    def test_is_refused_in_an_autocompletion(self, client):
        assert is_refused(client.get(reverse("admin:autocomplete") + AUTOCOMPLETE + "&term=%00"))

    def test_is_refused_in_a_form(self, client):
        form = {**EVENT, "organization": OrganizationFactory().pk, "name": "여름\0캠프"}

        assert is_refused(client.post(page(Event, "add"), form))

    def test_is_refused_in_the_name_of_a_field(self, client):
        assert is_refused(client.post(page(Event, "add"), {**EVENT, "a\0b": "1"}))

    def test_is_refused_before_anybody_is_signed_in(self, db, client):
        client.logout()

        assert is_refused(client.get(reverse("admin:login") + "?next=%00"))

    def test_that_is_only_written_out_is_no_such_byte(self, client):
        assert client.get(page(Event, "changelist") + "?q=100%2500").status_code == 200


class TestMalformedValue:
    @pytest.mark.parametrize(
        ("model", "query"),
        [
            (Budget, "?event=abc"),
            (Event, "?organization=abc"),
            (Event, "?start_date=abc"),
            (Event, "?start_date=2025-02-30"),
            (Membership, "?joined_at=abc"),
        ],
    )
    def test_is_refused_where_the_address_fills_in_a_form(self, client, model, query):
        assert is_refused(client.get(page(model, "add") + query))

    def test_is_refused_as_the_key_of_a_link(self, client):
        assert is_refused(client.get(link_to("abc")))

    def test_is_refused_as_the_key_of_a_chosen_row(self, client):
        form = {"action": "delete_selected", "_selected_action": "abc"}

        assert is_refused(client.post(page(Event, "changelist"), form))

    def test_that_only_the_database_recognizes_is_refused(self, client):
        EventFactory()

        assert is_refused(client.get(page(Event, "changelist") + "?name__regex=("))

    @pytest.mark.parametrize(
        ("model", "query"),
        [
            (AuditTrail, "?occurred_at__year=0"),
            (AuditTrail, "?occurred_at__iso_year__gte=0"),
            (Event, "?start_date__year=0"),
            (Budget, "?event__start_date__year=0"),
        ],
    )
    def test_is_refused_as_a_year(self, client, model, query):
        assert is_refused(client.get(page(model, "changelist") + query))

    def test_is_logged_below_a_warning(self, client, caplog):
        caplog.set_level(logging.INFO, logger="django.request")

        client.get(link_to("abc"))

        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("INFO", f"Bad request: {link_to('abc')}")
        ]


class TestFilledInForm:
    def test_keeps_the_values_of_a_proper_address(self, client):
        event = EventFactory(name="여름캠프")

        chosen = client.get(page(Budget, "add") + f"?event={event.pk}").text
        joined = client.get(page(Membership, "add") + "?joined_at=2025-01-02 03:04&user=&role=AUDITOR").text

        assert f'<option value="{event.pk}" selected>여름캠프' in chosen
        assert 'value="2025-01-02"' in joined
        assert '<option value="AUDITOR" selected>' in joined


class TestFaultOfOurs:
    def test_stays_an_error_of_the_server(self, rf):
        middleware = BadRequestMiddleware(lambda request: None)

        answers = [
            middleware.process_exception(rf.get("/"), fault("x")) for fault in (ValueError, AttributeError)
        ]

        assert answers == [None, None]


RELATIONS = [
    pytest.param(page_of.model, name, id=f"{page_of.model.__name__}-{name}")
    for page_of in admin.site._registry.values()
    for name in page_of.autocomplete_fields
]
NO_ROWS = {
    name: value
    for prefix in ("incomes", "expenses", "items", "memberships", "allocations")
    for name, value in rows(prefix, []).items()
}


class TestRelationThatIsNoKey:
    @pytest.mark.parametrize("value", ["abc", "1", "0" * 31, "가", "' OR 1=1"])
    @pytest.mark.parametrize(("model", "name"), RELATIONS)
    def test_is_told_on_the_page_that_was_sent(self, client, model, name, value):
        row = FACTORIES[model]()

        response = client.post(page(model, "change", row.pk), {**NO_ROWS, name: value})

        assert response.status_code == 200
        assert name in response.context["adminform"].form.errors

    def test_is_told_in_a_row_of_an_inline(self, client):
        user = UserFactory()
        row = {"organization": "abc", "role": "MEMBER"}

        response = client.post(page(User, "change", user.pk), rows("memberships", [], [row]))

        assert response.status_code == 200
        assert "organization" in response.context["inline_admin_formsets"][0].formset.errors[0]
