import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import Environment, MissingVariable
from config.settings.deployed import deployed_settings
from tests.config.servers import NEUTRAL, python

DEPLOYED = {
    "ALLOWED_HOSTS": "budget.example.org",
    "DB_HOST": "db.example.org",
    "DB_NAME": "parish_budget",
    "DB_PASSWORD": "Wq7-pastoral-river",
    "DB_USERNAME": "parish_budget",
    "SECRET_KEY": "k2Vx-7Rt" * 8,
}
SHOW = (
    "import importlib, json, sys; module = importlib.import_module(sys.argv[1]);"
    "print(json.dumps({name: getattr(module, name) for name in sys.argv[2:]}, default=str))"
)


def settings_of(name, *names, **variables):
    """Import one settings module in a process of its own and return some of its settings."""
    result = python("-W", "error", "-c", SHOW, f"config.settings.{name}", *names, **variables)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refusal_of(name, **variables):
    """Return what the process prints that was to check the settings."""
    result = python("manage.py", "check", DJANGO_SETTINGS_MODULE=f"config.settings.{name}", **variables)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr


class TestEverySettingsModule:
    @pytest.mark.parametrize("name", ["base", "development", "test", "staging", "production"])
    def test_imports_without_writing_anything(self, name, tmp_path):
        logs = tmp_path / "logs"

        settings = settings_of(name, "TIME_ZONE", "USE_TZ", **DEPLOYED, LOG_DIR=str(logs))

        assert settings == {"TIME_ZONE": "Asia/Seoul", "USE_TZ": True}
        assert not logs.exists()

    @pytest.mark.parametrize("name", ["development", "test", "staging", "production"])
    def test_names_its_environment_and_a_timeout_for_its_server(self, name):
        settings = settings_of(name, "ENVIRONMENT", "DATABASES", **DEPLOYED)

        assert settings["ENVIRONMENT"] == name
        assert settings["DATABASES"]["default"]["HOST"] == "db.example.org"
        assert settings["DATABASES"]["default"]["OPTIONS"]["connect_timeout"] > 0


class TestDevelopment:
    def test_uses_the_private_cluster_unless_a_server_is_named(self):
        without = settings_of("development", "CLUSTER", "DATABASES")
        named = settings_of("development", "CLUSTER", **DEPLOYED)

        assert without["DATABASES"]["default"]["HOST"].startswith("/")
        assert named["CLUSTER"] is None

    def test_has_three_roles_on_the_private_cluster(self):
        databases = settings_of("development", "DATABASES")["DATABASES"]

        assert {alias: entry["USER"] for alias, entry in databases.items()} == {
            "default": "parish_budget",
            "owner": "parish_budget_owner",
            "health": "parish_budget",
            "administrator": "postgres",
        }

    def test_migrates_by_itself_and_keeps_its_data(self):
        settings = settings_of("development", "DEBUG", "MIGRATIONS_RUN", "DROP_SCHEMA")

        assert settings == {"DEBUG": True, "MIGRATIONS_RUN": True, "DROP_SCHEMA": False}

    @pytest.mark.parametrize("name", ["DEBUG", "MIGRATIONS_RUN", "MIGRATIONS_LOGGING", "DROP_SCHEMA"])
    def test_refuses_an_unknown_boolean_by_name(self, name):
        assert name in refusal_of("development", **{name: "yes"})

    def test_puts_the_tables_into_the_schema_and_finds_the_extensions_in_theirs(self):
        settings = settings_of("development", "DATABASES", DB_SCHEMA="parish")

        options = settings["DATABASES"]["default"]["OPTIONS"]["options"]
        assert options == "-c search_path=parish,extensions"

    def test_takes_an_address_instead_of_its_parts(self):
        settings = settings_of(
            "development", "DATABASES", DATABASE_URL="postgres://u:p@db.example.org:5433/x"
        )

        database = settings["DATABASES"]["default"]
        assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.org", 5433, "x")

    def test_refuses_an_address_without_a_database(self):
        refusal = refusal_of("development", DATABASE_URL="postgres://u:p@db.example.org/")

        assert refusal.startswith("DATABASE_URL names no database.")

    @pytest.mark.parametrize("code", ["xx", "fr"])
    def test_refuses_an_unknown_language_by_name(self, code):
        assert f"“{code}”" in refusal_of("development", LANGUAGE_CODE=code)

    @pytest.mark.parametrize("name", ["development", "test"])
    def test_has_the_commands_of_django_extensions(self, name):
        assert "django_extensions" in settings_of(name, "INSTALLED_APPS")["INSTALLED_APPS"]


class TestTest:
    def test_never_migrates_or_drops_by_itself(self):
        settings = settings_of(
            "test",
            "DEBUG",
            "MIGRATIONS_RUN",
            "DROP_SCHEMA",
            DEBUG="true",
            MIGRATIONS_RUN="true",
            DROP_SCHEMA="true",
        )

        assert settings == {"DEBUG": False, "MIGRATIONS_RUN": False, "DROP_SCHEMA": False}


@pytest.mark.parametrize("name", ["staging", "production"])
class TestDeployed:
    @pytest.fixture
    def refusal(self, name, tmp_path, monkeypatch):
        """Return a function that says, in this process, why some variables are refused."""
        monkeypatch.setenv("LANGUAGE_CODE", "en")

        def refusal(**variables):
            environment = Environment(name, folder=tmp_path, process={**NEUTRAL, **variables})
            with pytest.raises(ImproperlyConfigured) as refused:
                deployed_settings(environment)
            return str(refused.value)

        return refusal

    def test_refuses_to_start_without_variables(self, name):
        assert "SECRET_KEY" in refusal_of(name)

    @pytest.mark.parametrize("variable", sorted(DEPLOYED))
    def test_refuses_to_be_without_a_variable_by_name(self, refusal, variable):
        assert variable in refusal(**{**DEPLOYED, variable: ""})

    @pytest.mark.parametrize("variable", ["DEBUG", "MIGRATIONS_RUN", "DROP_SCHEMA"])
    def test_refuses_what_is_for_development_by_name(self, refusal, variable):
        assert variable in refusal(**DEPLOYED, **{variable: "true"})

    @pytest.mark.parametrize("variable", ["DEBUG", "MIGRATIONS_LOGGING"])
    def test_refuses_an_unknown_boolean_by_name(self, refusal, variable):
        assert variable in refusal(**DEPLOYED, **{variable: "on"})

    @pytest.mark.parametrize("password", ["postgres", "changeme", "q7-river"])
    def test_refuses_a_default_password_by_name(self, refusal, password):
        reason = refusal(**{**DEPLOYED, "DB_PASSWORD": password})

        assert "DB_PASSWORD" in reason
        assert password not in reason

    @pytest.mark.parametrize("password", [" " * 12, "password1234", "parish_budget", "Q7-treasurer"])
    def test_refuses_a_password_that_is_guessed_soon(self, refusal, password):
        variables = {**DEPLOYED, "DB_USERNAME": "treasurer", "DB_PASSWORD": password}

        assert "DB_PASSWORD is too short or too easy to guess" in refusal(**variables)

    @pytest.mark.parametrize("password", ["postgres", "q7-river", "budget_keeper"])
    def test_refuses_a_password_of_the_owner_that_is_guessed_soon(self, refusal, password):
        variables = {"DB_OWNER_USERNAME": "budget_keeper", "DB_OWNER_PASSWORD": password}

        assert "DB_OWNER_PASSWORD is too short" in refusal(**DEPLOYED, **variables)

    def test_starts_without_the_password_of_the_owner(self, name):
        databases = settings_of(name, "DATABASES", **DEPLOYED, DB_OWNER_USERNAME="keeper")["DATABASES"]

        assert {alias: entry["USER"] for alias, entry in databases.items()} == {
            "default": "parish_budget",
            "owner": "keeper",
            "health": "parish_budget",
        }
        assert databases["owner"]["PASSWORD"] == ""

    @pytest.mark.parametrize("hosts", ["*", ".", " , "])
    def test_refuses_to_answer_for_every_host_or_none(self, refusal, hosts):
        assert "ALLOWED_HOSTS" in refusal(**{**DEPLOYED, "ALLOWED_HOSTS": hosts})

    def test_refuses_a_reference_that_nothing_has_replaced(self, refusal):
        assert "DB_PASSWORD" in refusal(**{**DEPLOYED, "DB_PASSWORD": "${DB_PASSWORD}"})

    def test_refuses_a_schema_of_postgresql(self, refusal):
        assert "DB_SCHEMA" in refusal(**{**DEPLOYED, "DB_SCHEMA": "pg_catalog"})

    def test_refuses_an_unknown_language_by_name(self, refusal):
        assert "LANGUAGE_CODE" in refusal(**{**DEPLOYED, "LANGUAGE_CODE": "fr"})

    @pytest.mark.parametrize("command", ["reset_schema", "reset_db", "print_settings"])
    def test_knows_no_command_that_destroys_or_shows_secrets(self, name, command):
        result = python("manage.py", command, DJANGO_SETTINGS_MODULE=f"config.settings.{name}", **DEPLOYED)

        assert result.returncode != 0
        assert f"Unknown command: '{command}'" in result.stderr

    def test_refuses_a_default_password_inside_an_address(self, refusal):
        address = "postgres://parish:postgres@db.example.org/parish_budget"

        reason = refusal(**DEPLOYED, DATABASE_URL=address)

        assert reason.startswith("The password in DATABASE_URL is too short or too easy to guess")

    @pytest.mark.parametrize("key", ["a" * 68, "insecure-" + "k2Vx-7Rt" * 8, "k2Vx-7Rt" * 5])
    def test_refuses_an_insecure_key_by_name(self, refusal, key):
        reason = refusal(**{**DEPLOYED, "SECRET_KEY": key})

        assert "SECRET_KEY" in reason
        assert key not in reason

    def test_starts_no_cluster_and_hides_what_went_wrong_from_visitors(self, name):
        settings = settings_of(name, "CLUSTER", "DEBUG", "SECURE_SSL_REDIRECT", **DEPLOYED)

        assert settings == {"CLUSTER": None, "DEBUG": False, "SECURE_SSL_REDIRECT": True}

    def test_passes_the_deployment_checks_of_django(self, name):
        module = f"config.settings.{name}"
        result = python(
            "manage.py",
            "check",
            "--deploy",
            "--fail-level=WARNING",
            DJANGO_SETTINGS_MODULE=module,
            **DEPLOYED,
        )

        assert result.returncode == 0, result.stderr


class TestLanguage:
    def test_is_korean_whatever_the_browser_asks_for(self, client, db):
        page = client.get("/admin/login/", headers={"accept-language": "en"})

        assert '<html lang="ko"' in page.text


class TestDefaultSettings:
    SHOW = (
        "import os; os.environ.pop('DJANGO_SETTINGS_MODULE'); {}; print(os.environ['DJANGO_SETTINGS_MODULE'])"
    )

    def test_of_manage_are_those_of_development(self):
        call = "import manage, sys; sys.argv = ['manage.py', 'version']; manage.main()"

        result = python("-c", self.SHOW.format(call))

        assert result.stdout.splitlines()[-1] == "config.settings.development"

    @pytest.mark.parametrize("name", ["wsgi", "asgi"])
    def test_of_a_web_server_are_those_of_production(self, name):
        result = python("-c", self.SHOW.format(f"import config.{name}"), **DEPLOYED)

        assert result.stdout.splitlines()[-1] == "config.settings.production", result.stderr

    def test_of_a_web_server_refuse_to_start_without_secrets(self):
        result = python("-c", self.SHOW.format("import config.wsgi"))

        assert result.returncode == 1
        assert "SECRET_KEY is missing" in result.stderr


class TestDeployedSettings:
    def test_names_the_file_in_which_to_write_the_variable(self, tmp_path):
        with pytest.raises(MissingVariable, match="SECRET_KEY") as refusal:
            deployed_settings(Environment("staging", folder=tmp_path, process={}))

        assert ".env.staging" in str(refusal.value)
