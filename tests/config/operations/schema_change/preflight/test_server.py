"""Whether it is noticed that a server is not the right one, or does not let us work."""

import pytest
from django.db import connection

from config.operations.schema_change.preflight import server
from config.operations.schema_change.preflight.remarks import Outcome
from tests.config.operations.schema_change.preflight.circumstances import problems
from tests.config.operations.schema_change.trials import execute
from tests.config.servers import PASSWORD, role

CHECKS = (
    server.check_connection,
    server.check_version,
    server.check_database,
    server.check_extensions,
    server.check_privileges,
    server.check_clock,
)


@pytest.fixture(autouse=True)
def database(copied_database):
    yield
    connection.close()


@pytest.fixture
def ordinary_role():
    """Let the session be one of a role that may do nothing."""
    with role("test_preflight_ordinary") as name:
        execute(f"SET SESSION AUTHORIZATION {name}")
        yield name
        execute("RESET SESSION AUTHORIZATION")


class TestServer:
    @pytest.mark.parametrize("check", CHECKS)
    def test_has_nothing_against_the_test_server(self, strict, check):
        remarks = list(check(strict))

        assert problems(remarks) == []
        assert all(remark.sentence for remark in remarks)

    def test_is_named_with_the_cause_when_it_refuses(self, strict, monkeypatch):
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "USER", "nobody")
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", PASSWORD)

        [(outcome, sentence, remedy)] = problems(server.check_connection(strict))

        assert outcome is Outcome.FAILED
        assert "refuses the user nobody" in sentence
        assert "Correct DB_USERNAME and DB_PASSWORD" in remedy

    def test_is_far_away(self, strict, monkeypatch):
        monkeypatch.setattr(server, "_SLOW_MILLISECONDS", 0)

        [(outcome, sentence, _remedy)] = problems(server.check_connection(strict))

        assert outcome is Outcome.WARNING
        assert sentence.endswith(" ms")

    def test_lacks_an_extension(self, strict):
        execute("DROP EXTENSION pgcrypto")

        [(outcome, sentence, remedy)] = problems(server.check_extensions(strict))
        execute("CREATE EXTENSION pgcrypto SCHEMA extensions")

        assert outcome is Outcome.FAILED
        assert sentence == "The extension pgcrypto is missing."
        assert remedy == "Create it: manage.py provision"

    def test_gives_too_few_privileges(self, strict, lenient, ordinary_role):
        create, see, set_timeout = problems(server.check_privileges(strict))

        assert create[0] is see[0] is Outcome.FAILED
        assert create[1].startswith("A table cannot be created, altered and dropped: permission denied")
        assert "manage.py provision" in create[2]
        assert f"GRANT pg_monitor TO {ordinary_role}" in see[2]
        assert set_timeout[0] is Outcome.WARNING
        assert f"GRANT SET ON PARAMETER deadlock_timeout TO {ordinary_role}" in set_timeout[2]
        assert problems(server.check_privileges(lenient))[1][0] is Outcome.WARNING

    def test_keeps_nothing_of_the_table_that_was_tried(self, strict):
        list(server.check_privileges(strict))

        assert "preflight_probe" not in connection.introspection.table_names()

    @pytest.mark.parametrize(
        ("skew", "outcomes"), [(4, []), (30, [Outcome.WARNING]), (3600, [Outcome.FAILED])]
    )
    def test_has_another_time(self, strict, monkeypatch, skew, outcomes):
        time = server.time.time
        monkeypatch.setattr(server.time, "time", lambda: time() - skew)

        assert [outcome for outcome, _sentence, _remedy in problems(server.check_clock(strict))] == outcomes
