"""Every registered page answers, and needs the same number of queries for few rows as for many."""

import pytest
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.models import Group
from django.db import connection
from django.forms import ModelChoiceField
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budget.models import Settlement, SettlementItem
from receipts.models import ReceiptScan
from tests import factories

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
FACTORIES = {
    factory._meta.model: factory
    for factory in vars(factories).values()
    if hasattr(factory, "_meta")
    and hasattr(factory, "create_batch")
    and factory._meta.model._meta.app_label != "operations"  # Their rows are on the page of the migrations.
}
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)

# A line only proves the settlement it belongs to.
MATCHING = {
    (ReceiptScan, "settlement_item"): lambda: {
        "settlement_item": (item := factories.SettlementItemFactory()),
        "settlement": item.settlement,
    }
}


def create(model, **values):
    """Create a row whose optional relations are filled, too: each could cost a query."""
    for field in model._meta.concrete_fields:
        if field.is_relation and field.null and field.name not in values:
            choose = MATCHING.get((model, field.name))
            values |= choose() if choose else {field.name: FACTORIES[field.related_model]()}
    return FACTORIES[model](**values)


def add_rows_to_inlines(model, parent, rf, user, count):
    request = rf.get("/")
    request.user = user
    inlines = admin.site._registry[model].get_inline_instances(request, parent)
    for inline in inlines:
        formset = inline.get_formset(request, parent)
        for number in range(count):
            extra = {"year": 2030 + number + inline.model.objects.count()} if has_year(inline.model) else {}
            create(inline.model, **{formset.fk.name: parent}, **extra)
    return inlines


def has_year(model):
    return any(field.name == "year" for field in model._meta.fields)


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def queries_of(client, url):
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url)
    return response, [query["sql"] for query in queries]


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    client.get(reverse("admin:index"))
    return client


class TestRegistry:
    def test_has_a_page_for_each_of_our_models(self):
        assert set(MODELS) == set(FACTORIES)

    def test_has_no_page_for_groups_which_would_grant_nothing(self):
        assert not admin.site.is_registered(Group)


@every_model
class TestList:
    def test_needs_as_many_queries_for_five_rows_as_for_one(self, client, model):
        create(model)
        client.get(address(model, "changelist"))

        _first, few = queries_of(client, address(model, "changelist"))
        for _number in range(4):
            create(model)
        response, more = queries_of(client, address(model, "changelist"))

        assert response.status_code == 200
        assert response.context["cl"].result_count >= 5
        assert len(more) == len(few), more

    def test_ends_its_order_in_a_unique_column(self, model):
        assert admin.site._registry[model].ordering[-1] in {"id", "-id"}

    def test_answers_a_search(self, client, model):
        create(model)

        response = client.get(address(model, "changelist"), {"q": "캠프 캠"})

        assert response.status_code == 200

    def test_answers_each_of_its_filters(self, client, model):
        create(model)
        changelist = client.get(address(model, "changelist")).context["cl"]
        choices = [
            choice["query_string"]
            for each_filter in changelist.filter_specs
            for choice in each_filter.choices(changelist)
        ]

        answers = {client.get(address(model, "changelist") + query).status_code for query in choices}

        assert answers <= {200}

    def test_has_no_filter_that_reads_the_distinct_values_of_a_column(self, client, model):
        create(model)

        filters = client.get(address(model, "changelist")).context["cl"].filter_specs

        assert not [each for each in filters if isinstance(each, admin.AllValuesFieldListFilter)]


@every_model
class TestForm:
    def test_needs_as_many_queries_for_four_rows_in_each_inline_as_for_one(
        self, client, model, rf, superuser
    ):
        parent = create(model)
        add_rows_to_inlines(model, parent, rf, superuser, 1)
        url = address(model, "change", parent.pk)
        client.get(url)

        _first, few = queries_of(client, url)
        inlines = add_rows_to_inlines(model, parent, rf, superuser, 3)
        response, more = queries_of(client, url)

        formsets = response.context["inline_admin_formsets"]
        assert response.status_code == 200
        assert [len(formset.formset.initial_forms) for formset in formsets] == [4] * len(inlines)
        assert len(more) == len(few), more

    def test_for_a_new_row_needs_as_many_queries_among_many_rows_as_among_few(
        self, client, model, rf, superuser
    ):
        create(model)
        client.get(address(model, "add"))

        _first, few = queries_of(client, address(model, "add"))
        for _number in range(4):
            create(model)
        response, more = queries_of(client, address(model, "add"))

        request = rf.get("/")
        request.user = superuser
        may_add = admin.site._registry[model].has_add_permission(request)
        assert response.status_code == (200 if may_add else 403)
        assert len(more) == len(few), more

    def test_has_history_and_a_page_that_asks_before_deleting(self, client, model, rf, superuser):
        row = create(model)
        request = rf.get("/")
        request.user = superuser
        may_delete = admin.site._registry[model].has_delete_permission(request)

        history = client.get(address(model, "history", row.pk))
        delete = client.get(address(model, "delete", row.pk))

        assert history.status_code == 200
        assert delete.status_code == (200 if may_delete else 403)


def forms_of(model_admin, request):
    """Yield the form of the page and of each of its inlines."""
    yield model_admin.get_form(request, create(model_admin.model), change=True)
    for inline in model_admin.get_inline_instances(request, create(model_admin.model)):
        yield inline.get_formset(request).form


AUTOCOMPLETED = [
    pytest.param(page.model, name, id=f"{page.__name__ if isinstance(page, type) else page}-{name}")
    for model_admin in admin.site._registry.values()
    for page in [model_admin, *model_admin.inlines]
    for name in page.autocomplete_fields
]


class TestRelation:
    @every_model
    def test_is_chosen_by_autocompletion_wherever_it_is_chosen(self, model, rf, superuser):
        request = rf.get("/")
        request.user = superuser

        choices = [
            field
            for form in forms_of(admin.site._registry[model], request)
            for field in form.base_fields.values()
            if isinstance(field, ModelChoiceField)
        ]

        assert all(isinstance(field.widget.widget, AutocompleteSelect) for field in choices)

    @pytest.mark.parametrize(("model", "name"), AUTOCOMPLETED)
    def test_is_found_with_as_many_queries_among_many_as_among_few(self, client, model, name):
        options = model._meta
        remote = options.get_field(name).related_model
        url = reverse("admin:autocomplete") + (
            f"?app_label={options.app_label}&model_name={options.model_name}&field_name={name}"
        )
        create(remote)
        client.get(url)

        _first, few = queries_of(client, url)
        for _number in range(4):
            create(remote)
        response, more = queries_of(client, url)

        assert len(response.json()["results"]) >= 5
        assert len(more) == len(few), more
        assert client.get(f"{url}&term=캠프").status_code == 200


class TestSettlementPage:
    def test_names_the_payers_of_its_lines_without_asking_for_each(self, client):
        settlement = factories.SettlementFactory()
        payers = [factories.UserFactory(name=f"결제자 {number}") for number in range(3)]
        for payer in payers:
            factories.SettlementItemFactory(settlement=settlement, paid_by=payer)

        response = client.get(address(Settlement, "change", settlement.pk))

        assert all(f"{payer.name} &lt;{payer.email}&gt;</option>" in response.text for payer in payers)
        assert SettlementItem.objects.filter(settlement=settlement).count() == 3
