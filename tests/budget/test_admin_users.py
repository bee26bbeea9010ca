"""The pages of people: passwords, rights, and who may open the site."""

import pytest
from django.urls import reverse

from budget.models import User
from tests.factories import UserFactory

CHANGE = "admin:budget_user_change"


@pytest.fixture
def client(client, superuser):
    client.force_login(superuser)
    return client


def form(user, **changes):
    fields = ("email", "name", "baptismal_name", "phone", "position", "address", "status")
    return {
        **{name: getattr(user, name) for name in fields},
        "birth_date": "",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
        **changes,
    }


class TestUserPage:
    def test_creates_a_person_with_a_hashed_password(self, client):
        password = "성당 마당의 은행나무"

        response = client.post(
            reverse("admin:budget_user_add"),
            {
                "email": "new@example.org",
                "name": "이요한",
                "usable_password": "true",
                "password1": password,
                "password2": password,
            },
        )

        created = User.objects.get(email="new@example.org")
        assert response.status_code == 302
        assert created.password != password
        assert created.check_password(password)

    def test_refuses_an_address_that_differs_only_in_case_with_a_sentence(self, client):
        UserFactory(email="person@example.org")
        user = UserFactory()

        response = client.post(reverse(CHANGE, args=(user.pk,)), form(user, email="Person@Example.org"))

        assert response.context["errors"]
        assert User.objects.get(pk=user.pk).email == user.email

    def test_never_shows_the_hash_of_the_password(self, client):
        user = UserFactory()
        user.set_password("성당 마당의 은행나무")
        user.save()

        page = client.get(reverse(CHANGE, args=(user.pk,))).text

        algorithm, salt, digest = user.password.split("$")
        assert not [part for part in (algorithm + "$", salt, digest[:6]) if part in page]

    def test_changes_the_password_on_a_page_of_its_own(self, client):
        user, password = UserFactory(), "사제관 앞의 소나무"
        link = reverse("admin:auth_user_password_change", args=(user.pk,))

        page = client.get(reverse(CHANGE, args=(user.pk,))).text
        client.post(link, {"usable_password": "true", "password1": password, "password2": password})

        assert link in page
        assert User.objects.get(pk=user.pk).check_password(password)

    def test_lets_a_superuser_grant_rights(self, client):
        user = UserFactory(status="PENDING")

        client.post(reverse(CHANGE, args=(user.pk,)), form(user, status="ACTIVE", is_staff="on"))

        changed = User.objects.get(pk=user.pk)
        assert (changed.status, changed.is_staff) == ("ACTIVE", True)

    def test_lets_nobody_lock_themselves_out(self, client, superuser):
        client.post(reverse(CHANGE, args=(superuser.pk,)), form(superuser, status="SUSPENDED"))

        kept = User.objects.get(pk=superuser.pk)
        assert (kept.status, kept.is_staff, kept.is_superuser) == ("ACTIVE", True, True)

    def test_deletes_nobody_who_is_signed_in(self, client, superuser):
        UserFactory(superuser=True)

        alone = client.post(reverse("admin:budget_user_delete", args=(superuser.pk,)), {"post": "yes"})
        listed = client.post(
            reverse("admin:budget_user_changelist"),
            {"action": "delete_selected", "_selected_action": [superuser.pk], "post": "yes"},
        )

        assert (alone.status_code, listed.status_code) == (403, 403)
        assert User.objects.filter(pk=superuser.pk).exists()

    def test_deletes_others(self, client):
        alone, listed = UserFactory(), UserFactory()

        client.post(reverse("admin:budget_user_delete", args=(alone.pk,)), {"post": "yes"})
        client.post(
            reverse("admin:budget_user_changelist"),
            {"action": "delete_selected", "_selected_action": [listed.pk], "post": "yes"},
        )

        assert not User.objects.filter(pk__in=[alone.pk, listed.pk]).exists()


class TestStaff:
    def test_without_a_role_open_the_site_and_see_nothing_in_it(self, client):
        client.force_login(UserFactory(is_staff=True))

        index = client.get(reverse("admin:index"))
        people = client.get(reverse("admin:budget_user_changelist"))

        assert index.status_code == 200
        assert index.context["app_list"] == []
        assert people.status_code == 403

    def test_who_are_suspended_cannot_open_the_site(self, client):
        client.force_login(UserFactory(superuser=True, status="SUSPENDED"))

        response = client.get(reverse("admin:index"))

        assert response.status_code == 302
