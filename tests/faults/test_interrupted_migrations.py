"""Every kind of online step, interrupted after each of its statements."""

import pytest

from tests.config.operations.schema_change.conftest import *  # noqa: F403 - its fixtures
from tests.config.operations.schema_change.test_online import ALL, members  # noqa: F401 - a fixture
from tests.config.operations.schema_change.trials import finished_after_interruptions, interrupt, killing


@pytest.mark.parametrize("how", ["failure", "lost connection"])
def test_an_interrupted_migration_is_finished_by_running_it_again(members, sessions, how):  # noqa: F811
    act = interrupt if how == "failure" else killing(sessions)

    for number, found, expected in finished_after_interruptions(members, ALL, act=act):
        assert found == expected, number
