"""What people do is recorded with who they are, from where, and why."""

import hashlib
import json
import uuid

import pytest
from django.db import transaction
from django.urls import reverse

from audit.context import acting_as
from audit.middleware import client_address
from audit.models import AuditTrail
from audit.recording import Action, NotAnAction, NoTransaction, record
from budget.models import Event
from tests.factories import EventFactory, UserFactory

PASSWORD = "correct horse battery staple"


class TestRecord:
    def test_writes_an_entry_with_the_person_and_the_reason(self, db):
        person, key = UserFactory(name="김하나"), uuid.uuid4()

        with acting_as(actor=person, reason="서류 보완"):
            entry = record(action=Action.REJECT, table_name="budgets", record_id=key)

        found = AuditTrail.objects.get(pk=entry)
        assert (found.action, found.record_id, found.reason) == ("REJECT", key, "서류 보완")
        assert (found.actor_id, found.actor_name) == (person.pk, "김하나")

    def test_belongs_to_the_transaction_of_the_changes(self, db):
        event = EventFactory()

        with transaction.atomic():
            Event.objects.filter(pk=event.pk).update(location="강당")
            entry = record(action=Action.SUBMIT, table_name="events", record_id=event.pk)

        change = AuditTrail.objects.get(action="UPDATE", record_id=event.pk)
        assert change.transaction_id == AuditTrail.objects.get(pk=entry).transaction_id

    @pytest.mark.django_db(transaction=True)
    def test_insists_on_a_transaction(self):
        with pytest.raises(NoTransaction):
            record(action=Action.SUBMIT)

    @pytest.mark.parametrize("action", ["UPDATE", "TRUNCATE", "DANCE"])
    def test_refuses_what_no_person_does(self, db, action):
        with pytest.raises(NotAnAction):
            record(action=action)


class TestSignIn:
    def test_is_recorded(self, db, client):
        person = UserFactory(superuser=True)
        person.set_password(PASSWORD)
        person.save()

        client.post(reverse("admin:login"), {"username": person.email, "password": PASSWORD})

        entry = AuditTrail.objects.get(action="LOGIN")
        assert (entry.record_id, entry.actor_id, entry.severity) == (person.pk, person.pk, "INFO")
        assert entry.session_hash == hashlib.sha256(client.session.session_key.encode()).hexdigest()

    def test_that_fails_is_recorded_without_the_password(self, db, client):
        client.post(reverse("admin:login"), {"username": "nobody@example.org", "password": PASSWORD})

        entry = AuditTrail.objects.get(action="LOGIN_FAILED")
        assert (entry.new_values, entry.severity) == ({"email": "nobody@example.org"}, "WARNING")
        assert PASSWORD not in json.dumps(list(AuditTrail.objects.values()), default=str)


class TestRequest:
    def test_says_of_each_change_who_made_it_and_from_where(self, client, superuser):
        client.force_login(superuser)
        event = EventFactory()

        response = client.post(
            reverse("admin:budget_event_delete", args=[event.pk]),
            {"post": "yes"},
            headers={"User-Agent": "Browser of a test"},
            REMOTE_ADDR="192.0.2.7",
        )

        entry = AuditTrail.objects.get(action="DELETE", record_id=event.pk)
        assert (entry.actor_id, entry.actor_email) == (superuser.pk, superuser.email)
        assert (entry.ip_address, entry.user_agent) == ("192.0.2.7", "Browser of a test")
        assert response.headers["X-Request-ID"] == str(entry.request_id)

    def test_takes_no_request_id_from_outside(self, client, db):
        response = client.get(reverse("admin:login"), headers={"X-Request-ID": "mine"})

        uuid.UUID(response.headers["X-Request-ID"])

    @pytest.mark.parametrize(
        ("proxies", "forwarded", "address"),
        [
            (0, "198.51.100.1", "192.0.2.7"),
            (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
            (2, "203.0.113.9, 198.51.100.1", "203.0.113.9"),
            (1, "nonsense", "192.0.2.7"),
            (1, "[2001:db8::1]:443", "2001:db8::1"),
        ],
    )
    def test_believes_only_our_own_proxies(self, rf, settings, proxies, forwarded, address):
        settings.TRUSTED_PROXIES = proxies

        request = rf.get("/", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR="192.0.2.7")

        assert client_address(request) == address
