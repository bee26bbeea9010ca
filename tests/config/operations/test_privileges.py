"""What the application's role may and may not do, tried as that role on a database its owner has migrated."""

import psycopg
import pytest
from django.apps import apps
from django.db import connection

from tests.config.operations.role_sites import (
    APPLICATION,
    DATABASE,
    NAMES,
    OWNER,
    administer_site,
    session,
    unprovisioned,
)
from tests.config.servers import manage

REFUSED = psycopg.errors.InsufficientPrivilege
FORBIDDEN = (
    "CREATE TABLE own ()",
    "CREATE TEMPORARY TABLE own ()",
    "CREATE TABLE extensions.own ()",
    "CREATE SCHEMA own",
    "CREATE EXTENSION hstore",
    "CREATE FUNCTION own() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE own AS ENUM ('one')",
    "CREATE VIEW own AS SELECT 1",
    "CREATE INDEX own ON users (email)",
    "CREATE TRIGGER own BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_updated_at()",
    "CREATE ROLE {d}_own",
    "CREATE PUBLICATION own",
    "DROP TABLE receipt_validations",
    "DROP INDEX users_search",
    "DROP FUNCTION set_updated_at() CASCADE",
    "DROP SCHEMA public CASCADE",
    "DROP EXTENSION pg_trgm",
    "TRUNCATE receipt_validations",
    "TRUNCATE users CASCADE",
    "ALTER TABLE users ADD COLUMN own text",
    "ALTER TABLE users DROP CONSTRAINT users_pkey",
    "ALTER TABLE users DISABLE TRIGGER ALL",
    "ALTER TABLE users OWNER TO {a}",
    "ALTER FUNCTION set_updated_at() RENAME TO own",
    "ALTER DATABASE {d} RENAME TO {d}_own",
    "ALTER ROLE {a} SUPERUSER",
    "ALTER ROLE {o} PASSWORD 'taken'",
    "GRANT {o} TO {a}",
    "SET ROLE {o}",
    "SET SESSION AUTHORIZATION {o}",
    "SET session_replication_role = replica",
    "LOCK TABLE users IN ACCESS EXCLUSIVE MODE NOWAIT; TRUNCATE users",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('budget', '9999_own', now())",
    "UPDATE django_migrations SET applied = now()",
    "DELETE FROM django_migrations",
    "UPDATE deploys SET approved_by = 'nobody'",
    "DELETE FROM migration_runs",
    "INSERT INTO rehearsals (at, plan, backup, passed, report) VALUES (now(), '', '', true, '{{}}')",
    "DELETE FROM unfinished_steps",
    "SELECT nextval('django_migrations_id_seq')",
    "INSERT INTO audit_trails (action) VALUES ('LOGIN')",
    "UPDATE audit_trails SET reason = 'own'",
    "DELETE FROM audit_trails",
    "TRUNCATE audit_trails",
    "ALTER TABLE audit_trails DISABLE TRIGGER append_only",
    "ALTER TABLE users DISABLE TRIGGER audit_update",
    "DROP TRIGGER audit_update ON users",
    "SELECT nextval('audit_trails_position')",
    "SELECT * FROM audit.scope_of_events",
    "SELECT audit.context()",
    "CREATE OR REPLACE FUNCTION audit.context() RETURNS void LANGUAGE sql AS ''",
    "SELECT record_action('UPDATE', 'users', NULL, NULL, '', '', NULL, NULL)",
    "SELECT setval('auth_group_id_seq', 1)",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('postgresql.conf')",
    "COPY users TO PROGRAM 'cat'",
    "COPY users TO '/tmp/users'",
)


@pytest.fixture(scope="module")
def site(django_db_setup, django_db_blocker):
    """A site that was provisioned while it was empty, and migrated by its owner."""
    with django_db_blocker.unblock(), unprovisioned() as variables:
        for command in ("provision", "migrate"):
            result = manage(command, "--verbosity=0", **variables)
            assert result.returncode == 0, result.stderr
        yield variables


@pytest.fixture
def application(site):
    """The application's session, whose work is rolled back."""
    with session(site) as opened, opened.transaction(force_rollback=True):
        yield opened


def tables():
    """Return the tables whose rows belong to the application."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    labels = ("operations", "audit")
    return sorted({model._meta.db_table for model in models if model._meta.app_label not in labels})


class TestApplication:
    @pytest.mark.parametrize("statement", FORBIDDEN)
    def test_may_not(self, application, statement):
        with pytest.raises(REFUSED):
            application.execute(statement.format(**NAMES))

    @pytest.mark.parametrize("statement", ["CREATE DATABASE {d}_own", "DROP DATABASE {d}_other"])
    def test_may_neither_create_nor_drop_a_database(self, site, statement):
        with session(site, user=OWNER) as owner, session(site) as application:
            owner.execute(f"CREATE DATABASE {DATABASE}_other")
            try:
                with pytest.raises(REFUSED):
                    application.execute(statement.format(**NAMES))
            finally:
                owner.execute(f"DROP DATABASE {DATABASE}_other")

    def test_is_no_superuser_and_owns_nothing(self, application):
        [[superuser]] = application.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        owned = application.execute(
            "SELECT objid FROM pg_shdepend WHERE deptype = 'o' AND refobjid = current_user::regrole"
        )

        assert superuser is False
        assert owned.fetchall() == []

    @pytest.mark.parametrize("table", tables())
    def test_may_read_and_write_rows(self, application, table):
        column = application.execute(f"SELECT * FROM {table}").description[0].name

        application.execute(f"INSERT INTO {table} ({column}) SELECT {column} FROM {table} WHERE false")
        application.execute(f"UPDATE {table} SET {column} = {column} WHERE false")
        application.execute(f"DELETE FROM {table} WHERE false")
        application.execute(f"SELECT FROM {table} FOR UPDATE")

    def test_may_read_the_audit_trail_that_its_changes_write(self, application):
        application.execute("SELECT set_config('audit.context', '{\"actor_name\": \"A\"}', true)")
        application.execute("INSERT INTO organizations (name, code) VALUES ('AA', 'A')")
        application.execute("UPDATE organizations SET description = 'x' WHERE code = 'A'")
        application.execute(
            "SELECT record_action('PUBLISH', 'organizations', NULL, NULL, '', '', NULL, NULL)"
        )

        entries = application.execute(
            "SELECT action, actor_name, database_role FROM audit_trails ORDER BY position DESC LIMIT 3"
        )

        assert entries.fetchall() == [
            ("PUBLISH", "A", NAMES["a"]),
            ("UPDATE", "A", NAMES["a"]),
            ("INSERT", "A", NAMES["a"]),
        ]

    def test_may_take_the_next_number_of_every_sequence_of_a_model(self, application):
        for table in tables():
            with connection.cursor() as cursor:
                sequences = connection.introspection.get_sequences(cursor, table)
            for sequence in sequences:
                name = f"pg_get_serial_sequence('{sequence['table']}', '{sequence['column']}')"
                application.execute(f"SELECT nextval({name})")

    def test_may_see_which_migrations_are_applied(self, site):
        result = manage("showmigrations", "budget", **site)

        assert "[X] 0016_search_indexes" in result.stdout

    def test_may_put_in_the_seeds_and_check_them_without_the_password_of_another(self, site):
        variables = {**site, "DB_OWNER_PASSWORD": "", "DB_ADMIN_PASSWORD": ""}

        seed, health, integrity = (
            manage(*command.split(), **variables)
            for command in ("seed", "health", "verify_integrity --verbosity=0")
        )

        assert (seed.returncode, health.returncode) == (0, 0), seed.stderr + health.stdout
        # The developer's folder of receipts is looked at, too.
        assert integrity.returncode in (0, 1), integrity.stderr
        assert integrity.stderr == ""

    def test_may_not_migrate(self, site):
        result = manage("migrate", "sessions", "zero", "--database=default", **site)

        assert result.returncode == 2
        assert f"{APPLICATION} lacks a privilege" in result.stderr
        assert "DB_OWNER_USERNAME" in result.stderr


class TestOwner:
    def test_is_no_superuser_and_owns_every_table(self, site):
        with session(site, user=OWNER) as owner:
            [[superuser]] = owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            owners = owner.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")

            assert superuser is False
            assert owners.fetchall() == [(OWNER,)]

    def test_may_create_a_table_that_the_application_uses_at_once(self, site):
        with session(site, user=OWNER) as owner, session(site) as application:
            owner.execute("CREATE TABLE newest (id bigserial)")
            try:
                application.execute("INSERT INTO newest DEFAULT VALUES")
                with pytest.raises(REFUSED):
                    application.execute("TRUNCATE newest")
            finally:
                owner.execute("DROP TABLE newest")

    def test_is_named_with_its_variables_when_its_password_is_missing(self, site):
        result = manage("migrate", **{**site, "DB_OWNER_PASSWORD": ""})

        assert result.returncode == 2
        assert "Correct DB_OWNER_USERNAME and DB_OWNER_PASSWORD" in result.stderr


class TestGrantPrivileges:
    def test_is_done_by_migrate_where_all_privileges_were_lost(self, site):
        administer_site(f"DROP OWNED BY {APPLICATION}")  # Of what it was granted; it owns nothing.

        result = manage("migrate", "--verbosity=0", **site)

        assert result.returncode == 0, result.stderr
        assert manage("provision", "--check", **site).returncode == 0

    def test_names_a_role_of_the_application_that_does_not_exist(self, site):
        result = manage("migrate", **{**site, "DB_USERNAME": f"{DATABASE}_nobody"})

        assert result.returncode == 2
        assert f"{DATABASE}_nobody does not exist" in result.stderr
        assert "manage.py provision" in result.stderr
