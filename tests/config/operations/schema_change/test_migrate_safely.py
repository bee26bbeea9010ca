"""`manage.py migrate_safely`, as a process."""

import json

import pytest
from django.db import connection

from tests.config.operations.schema_change.trials import MEMBERS, applied, fill, migrate
from tests.config.servers import manage

NOTE = 'migrations.AddField("member", "remark", TextField(default="", db_default=""))'


@pytest.fixture
def variables(trial, tmp_path):
    trial.write("0001", MEMBERS)
    migrate("0001", large=())
    fill()
    trial.write("0002", NOTE)
    return {
        "DJANGO_SETTINGS_MODULE": "tests.config.operations.schema_change.trial_settings",
        "DB_NAME": connection.settings_dict["NAME"],
        "TRIAL_FOLDER": str(tmp_path),
        "TRIAL_ENVIRONMENT": "production",
    }


class TestMigrateSafely:
    def test_in_production_goes_from_the_preview_over_an_approval_to_a_proved_deploy(self, variables):
        shown = manage("migrate_safely", "--check-only", "--json", **variables)
        plan = json.loads(shown.stdout)["plan"]
        refused = manage("migrate_safely", **variables)
        done = manage("migrate_safely", "--approved-by", "Approver", "--plan", plan, "--json", **variables)

        assert shown.returncode == 0, shown.stderr
        assert refused.returncode == 2
        assert f"--approved-by NAME --plan {plan}" in refused.stderr
        assert done.returncode == 0, done.stderr
        facts = json.loads(done.stdout)
        shown = json.loads(manage("migration_runs", "--json", **variables).stdout)["runs"][0]
        assert facts["backup"] == shown["backup"]
        assert (shown["migration"], shown["from"], shown["to"]) == ("trial.0002", "trial.0001", "trial.0002")
        assert (shown["result"], shown["approved_by"]) == ("DONE", "Approver")
        assert "approved by Approver" in manage("migration_runs", **variables).stdout
        assert [migration["name"] for migration in facts["migrations"]] == ["trial.0002"]
        assert applied() == ["0001", "0002"]

    def test_shows_what_it_would_do_and_fails_when_the_linter_objects(self, variables, trial):
        trial.write("0002", 'migrations.RunSQL("SELECT 1")')

        result = manage("migrate_safely", "--check-only", "--markdown", **variables)

        assert result.returncode == 1
        assert result.stdout.startswith("## Plan ")
        assert "The linter objects to trial.0002" in result.stderr
        assert "Traceback" not in result.stderr

    def test_says_what_it_would_do_without_doing_it(self, variables):
        result = manage("migrate_safely", "--dry-run", **{**variables, "TRIAL_ENVIRONMENT": "test"})

        assert result.returncode == 0, result.stderr
        assert "Would back up the database" in result.stdout
        assert "Would apply trial.0002." in result.stdout
        assert applied() == ["0001"]

    def test_takes_markdown_for_a_preview_only(self, variables):
        result = manage("migrate_safely", "--markdown", **variables)

        assert result.returncode == 2
        assert "--check-only --markdown" in result.stderr
