"""Whether the expected schema is built as often as needed, and no oftener."""

import datetime

import pytest
from django.core.management import call_command
from django.utils.translation import override

from config.cluster import ClusterError
from config.operations.schema_change import expected_schema as expected_schemas
from config.operations.schema_change.expected_schema import FOLDER, UnableToBuild, expected_schema
from tests.config.operations.schema_change.migrated_databases import empty_database, execute

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)


@pytest.fixture(scope="module", autouse=True)
def database(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), empty_database("expected"):
        call_command("migrate", "contenttypes", verbosity=0, database="default")
        yield


@pytest.fixture(scope="module")
def original(database, tmp_path_factory):
    """Return the folder of backups in which the schema has been built once."""
    folder = tmp_path_factory.mktemp("backups")
    build(folder)
    return folder


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def no_cluster(monkeypatch):
    """Let whoever wants to build it fail."""
    monkeypatch.setattr(expected_schemas, "scratch_database", refuse)


def refuse(**arguments):
    raise ClusterError("no cluster")


def build(folder):
    return expected_schema(alias="default", folder=folder, now=NOW)


class TestExpectedSchema:
    def test_holds_what_is_applied(self, original):
        tables = {name for name in build(original).built if "Type: TABLE;" in name}

        assert tables == {
            "Name: django_content_type; Type: TABLE; Schema: public",
            "Name: django_migrations; Type: TABLE; Schema: public",
        }

    def test_is_built_once(self, original, no_cluster):
        assert build(original) == build(original)

    @pytest.mark.parametrize("damage", ["", "[1]", '{"built": {}}'])
    def test_is_built_again_when_what_is_kept_is_damaged(self, original, no_cluster, tmp_path, damage):
        [kept] = (original / FOLDER).glob("*.json")
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / kept.name).write_text(damage)

        with pytest.raises(ClusterError):
            build(tmp_path)

    def test_is_built_again_when_another_migration_is_applied(self, original, no_cluster):
        execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('sessions', '0001_initial', now())"
        )
        try:
            with pytest.raises(ClusterError):
                build(original)
        finally:
            execute("DELETE FROM django_migrations WHERE app = 'sessions'")

    @pytest.mark.parametrize("what", ["hash_of_sources", "program_version"])
    def test_is_built_again_when_a_source_or_a_program_changes(self, original, no_cluster, monkeypatch, what):
        monkeypatch.setattr(expected_schemas, what, lambda *names, **options: "another")

        with pytest.raises(ClusterError):
            build(original)

    @pytest.mark.parametrize(
        ("app", "name", "words"),
        [
            ("budget", "9999_of_a_newer_release", "does not have these applied migrations: budget.9999"),
            ("audit", "0001_audit_trails", "audit.0001_audit_trails is applied, but"),
        ],
    )
    def test_is_refused_where_the_history_does_not_fit(self, original, app, name, words):
        execute(f"INSERT INTO django_migrations (app, name, applied) VALUES ('{app}', '{name}', now())")
        try:
            with pytest.raises(UnableToBuild, match=words):
                build(original)
        finally:
            execute(f"DELETE FROM django_migrations WHERE app = '{app}'")
