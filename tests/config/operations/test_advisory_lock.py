import pytest
from django.db import connection

from config.operations.advisory_lock import LockHeld, advisory_lock, advisory_lock_at_once

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(name):
    return advisory_lock_at_once(name=name, alias="default")


class TestAdvisoryLockAtOnce:
    def test_is_free_again_after_the_work(self):
        with at_once("work"):
            pass
        with at_once("work"):
            pass

    # The halves of a negative and of a positive number look different to the server.
    @pytest.mark.parametrize("name", ["a", "b", "c", "d", "work"])
    def test_says_who_has_it(self, name):
        with at_once(name), pytest.raises(LockHeld) as refusal, at_once(name):
            pass

        assert refusal.value.holder.user == connection.settings_dict["USER"]
        assert refusal.value.holder.since is not None

    def test_knows_a_lock_of_another_name_is_another(self):
        with at_once("work"), at_once("other"):
            pass

    def test_meets_the_one_who_would_wait(self):
        def fail():
            raise AssertionError

        with (
            advisory_lock(name="work", alias="default", on_wait=fail),
            pytest.raises(LockHeld),
            at_once("work"),
        ):
            pass
