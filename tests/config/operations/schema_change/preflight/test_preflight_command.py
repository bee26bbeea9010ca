"""`preflight` as a process: what it prints, and its exit code."""

import json

import pytest
from django.db import connection

from tests.config.operations.role_sites import administrator_password
from tests.config.operations.schema_change.trials import execute
from tests.config.servers import PASSWORD, manage

RECORD = "INSERT INTO django_migrations (app, name, applied) VALUES ('budget', '9999_future', now())"
FORGET = "DELETE FROM django_migrations WHERE name = '9999_future'"


@pytest.fixture
def variables(copied_database, schema_folder):
    """Return the variables of a developer's process that uses a migrated database."""
    parameters = connection.get_connection_params()
    return {
        "DB_HOST": connection.settings_dict["HOST"],
        "DB_PORT": str(connection.settings_dict["PORT"] or 5432),
        "DB_USERNAME": parameters["user"],
        "DB_PASSWORD": administrator_password(parameters),
        "DB_NAME": connection.settings_dict["NAME"],
        "BACKUP_DIR": str(schema_folder),
    }


class TestPreflight:
    def test_answers_0_with_one_line_for_each_item(self, variables):
        result = manage("preflight", **variables)

        assert (result.returncode, result.stderr) == (0, "")
        assert "✓ live schema: as the applied migrations build it" in result.stdout
        assert "  → Make one: manage.py backup" in result.stdout
        assert result.stdout.endswith("Ready. Warnings: 1.\n")

    def test_answers_1_where_something_fails(self, variables):
        execute(RECORD)
        try:
            result = manage("preflight", "--json", **variables)
        finally:
            execute(FORGET)

        assert (result.returncode, result.stderr) == (1, "")
        answer = json.loads(result.stdout)
        [history] = [item for item in answer["items"] if item["name"] == "history"]
        assert (answer["ready"], history["id"], history["outcome"]) == (False, "operations.212", "failed")
        assert history["remarks"][0]["sentence"].startswith("The database is newer than this code")

    def test_answers_2_where_the_database_cannot_be_asked(self, variables):
        result = manage("preflight", **{**variables, "DB_PASSWORD": f"{PASSWORD}-of-nobody"})

        assert (result.returncode, result.stderr) == (2, "")
        assert result.stdout.count("✗") == 1
        assert "Correct DB_USERNAME and DB_PASSWORD" in result.stdout
        assert "Not asked, because they need the database: database, server" in result.stdout
        assert PASSWORD not in result.stdout
