"""Whether the whole list is gone through, whatever happens to one item."""

import dataclasses
import threading

import pytest
from django.db import connection

from config.operations.schema_change.preflight import checklist
from config.operations.schema_change.preflight.checklist import run_preflight
from config.operations.schema_change.preflight.items import CONNECTION, DISK, LANES, PACKAGES
from config.operations.schema_change.preflight.remarks import Outcome
from tests.config.operations.schema_change.preflight.circumstances import NOW
from tests.config.operations.schema_change.trials import execute
from tests.config.servers import PASSWORD


@pytest.fixture
def folder(schema_folder):
    return schema_folder


@pytest.fixture
def staging(settings):
    settings.ENVIRONMENT = "staging"


def outcomes(folder):
    preflight = run_preflight(folder=folder, now=NOW, alias="default")
    return {answer.item.name: answer.outcome for answer in preflight.answers}, preflight


@pytest.mark.usefixtures("copied_database")
class TestRunPreflight:
    def test_is_ready_but_for_a_backup_on_the_machine_of_a_developer(self, folder):
        found, preflight = outcomes(folder)

        assert {name for name, outcome in found.items() if outcome is not Outcome.OK} == {"backup"}
        assert found["backup"] is Outcome.WARNING
        assert (preflight.is_ready, preflight.is_reachable) == (True, True)
        assert preflight.count(Outcome.WARNING) == 1
        numbers = [answer.item.number for answer in preflight.answers]
        assert len(set(numbers)) == len(numbers) == sum(map(len, LANES)) + 2

    def test_is_strict_where_people_depend_on_it(self, folder, staging):
        found, preflight = outcomes(folder)

        assert found["backup"] is Outcome.FAILED
        assert not preflight.is_ready

    def test_shows_drift_with_the_statements_against_it(self, folder):
        execute("DROP INDEX events_by_date; CREATE SCHEMA somebody_else")
        try:
            _found, preflight = outcomes(folder)
        finally:
            execute("CREATE INDEX events_by_date ON events (start_date DESC); DROP SCHEMA somebody_else")

        [drift] = [answer for answer in preflight.answers if answer.item.name == "drift"]
        assert drift.remarks[0].details == (
            "INDEX events_by_date: missing",
            "  + CREATE INDEX events_by_date ON public.events USING btree (start_date DESC);",
            "  → CREATE INDEX CONCURRENTLY events_by_date ON public.events USING btree (start_date DESC);",
            "SCHEMA somebody_else: too much",
            "  - CREATE SCHEMA somebody_else;",
        )

    def test_takes_drift_for_no_failure_while_a_migration_waits_to_go_on(self, folder, staging):
        execute("INSERT INTO unfinished_steps (step, state) VALUES ('budget.0020_x/APPLY/1', '{}')")
        execute("CREATE INDEX half ON events (name)")
        execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'half'::regclass")
        execute("CREATE TABLE half_done ()")
        try:
            found, _preflight = outcomes(folder)
        finally:
            execute("DROP INDEX half; DROP TABLE half_done; DELETE FROM unfinished_steps")

        assert {found[name] for name in ("unfinished", "drift", "indexes")} == {Outcome.WARNING}

    def test_does_not_let_one_item_hide_the_others(self, folder, monkeypatch):
        def fail(**options):
            raise ZeroDivisionError("no reason")

        monkeypatch.setattr("config.operations.schema_change.preflight.live_schema.find_drift", fail)

        found, preflight = outcomes(folder)

        assert {name for name, outcome in found.items() if outcome is Outcome.FAILED} == {"drift"}
        [drift] = [answer for answer in preflight.answers if answer.item.name == "drift"]
        assert drift.remarks[0].sentence == "It could not be asked: no reason"

    def test_says_so_once_when_there_is_no_server(self, folder, monkeypatch):
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "USER", "nobody")
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", PASSWORD)

        found, preflight = outcomes(folder)

        assert not preflight.is_reachable
        assert [name for name, outcome in found.items() if outcome is Outcome.FAILED] == ["connection"]
        assert {found[name] for name in ("environment", "packages", "models", "django")} == {Outcome.OK}
        assert found["drift"] is found["backup"] is found["unfinished"] is Outcome.SKIPPED

    def test_does_not_wait_for_ever(self, folder, monkeypatch):
        answered = threading.Event()
        slow = dataclasses.replace(DISK, ask=lambda asked: iter([answered.wait()]))
        monkeypatch.setattr(checklist, "LANES", ((slow,), (PACKAGES,)))
        monkeypatch.setattr(checklist, "_PATIENCE_SECONDS", 0.5)

        found, preflight = outcomes(folder)
        answered.set()

        assert (found["disk"], found["packages"]) == (Outcome.FAILED, Outcome.OK)
        [disk] = [answer for answer in preflight.answers if answer.item.name == "disk"]
        assert disk.remarks[0].sentence == "no answer within 0 s"

    def test_takes_a_server_that_hangs_for_none(self, folder, monkeypatch):
        answered = threading.Event()
        hanging = dataclasses.replace(CONNECTION, ask=lambda asked: iter([answered.wait()]))
        monkeypatch.setattr(checklist, "CONNECTION", hanging)
        monkeypatch.setattr(checklist, "_SERVER_PATIENCE_SECONDS", 0)

        found, preflight = outcomes(folder)
        answered.set()

        assert found["connection"] is Outcome.FAILED
        assert not preflight.is_reachable
