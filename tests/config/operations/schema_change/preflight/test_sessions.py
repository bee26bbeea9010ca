"""Whether somebody who is in the way is named."""

import pytest

from config.operations.schema_change.preflight import sessions as items
from config.operations.schema_change.preflight.remarks import Outcome
from tests.config.operations.backup_sources import session
from tests.config.operations.schema_change.preflight.circumstances import problems


@pytest.fixture
def old(monkeypatch):
    """Let every transaction be an old one."""
    monkeypatch.setattr(items.Activity, "is_old", lambda activity, moment: moment is not None)


@pytest.mark.usefixtures("copied_database")
class TestCheckTransactions:
    def test_names_the_session_and_how_to_end_it(self, strict, lenient, old):
        with session() as holder, holder.transaction():
            holder.execute("LOCK TABLE users")
            pid = holder.info.backend_pid

            [(outcome, sentence, remedy)] = problems(items.check_transactions(strict))
            [(at_ease, _sentence, _remedy)] = problems(items.check_transactions(lenient))

        assert (outcome, at_ease) == (Outcome.FAILED, Outcome.WARNING)
        assert sentence.startswith(f"Session {pid} of ")
        assert sentence.endswith("LOCK TABLE users")
        assert f"manage.py database_activity --terminate {pid}" in remedy

    def test_leaves_young_ones_alone(self, strict):
        with session() as holder, holder.transaction():
            holder.execute("LOCK TABLE users")

            assert problems(items.check_transactions(strict)) == []


@pytest.mark.usefixtures("copied_database")
class TestCheckDumps:
    def test_names_a_dump_that_is_open(self, lenient):
        with session(application_name="pg_dump") as dump:
            [(outcome, sentence, remedy)] = problems(items.check_dumps(lenient))
            pid = dump.info.backend_pid

        assert outcome is Outcome.FAILED
        assert f"(session {pid}) is at work" in sentence
        assert "--watch" in remedy

    def test_does_not_take_the_comparison_of_schemas_for_one(self, strict):
        with session(application_name="read_schema"):
            assert problems(items.check_dumps(strict)) == []
