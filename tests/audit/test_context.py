import json
from uuid import UUID

import pytest

from audit.context import Context, acting_as, context_from, current_context
from tests.factories import UserFactory

KEY = UUID(int=1)


class TestActingAs:
    def test_names_a_person_with_name_and_address(self):
        user = UserFactory.build(name="김요한", email="johann@example.org")

        with acting_as(actor=user):
            context = current_context()

        assert (context.actor_id, context.actor_name, context.actor_email) == (
            user.pk,
            "김요한",
            "johann@example.org",
        )

    def test_replaces_what_it_names_and_keeps_the_rest(self):
        with acting_as(command="seed", reason="first", request_id=KEY), acting_as(reason="second"):
            assert current_context() == Context(command="seed", reason="second", request_id=KEY)

    def test_ends_when_it_fails(self):
        with pytest.raises(ZeroDivisionError), acting_as(reason="first"):
            _ = 1 / 0

        assert current_context() == Context()

    def test_is_the_same_object_until_something_changes(self):
        with acting_as(command="seed"), acting_as(reason="first"):
            assert current_context() is current_context()

    def test_follows_what_lies_beneath(self):
        beneath = [Context(command="seed")]

        with context_from(lambda: beneath[0]), acting_as(reason="first"):
            assert current_context().command == "seed"
            beneath[0] = Context(command="restore")
            assert current_context() == Context(command="restore", reason="first")

    def test_shortens_and_mends_what_the_database_would_refuse(self):
        with acting_as(user_agent="a\0" + "\ud800" + "b" * 1000, command="c" * 1000):
            context = current_context()

        assert context.user_agent == "a?" + "b" * 498
        assert len(context.command) == 100


class TestAsJson:
    def test_holds_what_is_known(self):
        context = Context(actor_id=KEY, reason="사유")

        assert json.loads(context.as_json) == {"actor_id": str(KEY), "reason": "사유"}

    def test_is_empty_when_nothing_is_known(self):
        assert Context().as_json == ""
