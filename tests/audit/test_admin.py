"""The page of the audit trail."""

import uuid

import pytest
from django.urls import reverse

from audit.models import AuditTrail
from tests.factories import AuditTrailFactory, UserFactory

LIST = "admin:audit_audittrail_changelist"
CHANGE = "admin:audit_audittrail_change"


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    return client


class TestAuditTrailPage:
    def test_shows_each_column_before_and_after_in_hangul(self, client):
        entry = AuditTrailFactory(
            action="UPDATE",
            table_name="events",
            old_values={"name": "여름캠프", "allocated_amount": None},
            new_values={"name": "겨울피정", "allocated_amount": 1_400_000},
        )

        page = client.get(reverse(CHANGE, args=(entry.pk,))).text

        assert '<th scope="row">name</th><td>여름캠프</td><td>겨울피정</td>' in page
        assert "<td>null</td><td>1400000</td>" in page

    def test_shows_stored_markup_as_text(self, client):
        entry = AuditTrailFactory(
            action="INSERT", table_name="events", new_values={"name": "<script>alert(1)</script>"}
        )

        page = client.get(reverse(CHANGE, args=(entry.pk,))).text

        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert(1)" not in page

    def test_shows_values_that_are_no_columns_as_none(self, client):
        entry = AuditTrailFactory(new_values=["no", "columns"])

        assert client.get(reverse(CHANGE, args=(entry.pk,))).status_code == 200

    @pytest.mark.parametrize("page", ["add", "change", "delete"])
    def test_cannot_be_written_even_by_a_superuser(self, client, page):
        entry = AuditTrailFactory()
        args = () if page == "add" else (entry.pk,)

        response = client.post(reverse(f"admin:audit_audittrail_{page}", args=args), {"reason": "x"})

        assert response.status_code == 403
        assert set(AuditTrail.objects.values_list("reason", flat=True)) == {""}

    def test_offers_no_action_that_deletes(self, client):
        entry = AuditTrailFactory()

        client.post(
            reverse(LIST), {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
        )

        assert AuditTrail.objects.filter(pk=entry.pk).exists()

    def test_is_closed_to_staff_without_a_role(self, client):
        client.force_login(UserFactory(is_staff=True))

        assert client.get(reverse(LIST)).status_code == 403

    def test_finds_what_happened_to_a_record_and_what_a_person_did(self, client):
        key = uuid.uuid4()
        record = AuditTrailFactory(action="INSERT", table_name="events", record_id=key)
        person = AuditTrailFactory(actor_id=key)
        AuditTrailFactory(actor_id=uuid.uuid4())

        response = client.get(reverse(LIST), {"q": f" {key} "})

        assert set(response.context["cl"].queryset) == {record, person}

    def test_finds_nothing_for_what_is_no_key(self, client):
        AuditTrailFactory()

        response = client.get(reverse(LIST), {"q": "피정"})

        assert not response.context["cl"].queryset
