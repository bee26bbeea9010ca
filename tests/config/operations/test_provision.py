"""`provision` as the processes that an operator starts, on a real server that is broken in many ways."""

import json
import subprocess

import psycopg
import pytest
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
from tests.config.servers import administer, manage

# How to break it, the sentence of --check, and how to take back what provision leaves alone.
BROKEN = (
    ("ALTER ROLE {a} SUPERUSER", "{a} is SUPERUSER and should be NOSUPERUSER"),
    (
        "ALTER ROLE {a} CREATEDB CREATEROLE",
        "{a} is CREATEDB CREATEROLE and should be NOCREATEDB NOCREATEROLE",
    ),
    ("ALTER ROLE {a} NOLOGIN", "{a} is NOLOGIN and should be LOGIN"),
    ("ALTER ROLE {a} PASSWORD 'another'", "The server does not take the password of {a}"),
    ("GRANT {o} TO {a}", "{a} is a member of {o}, which is too much"),
    ("GRANT pg_write_all_data TO {a}", "{a} is a member of pg_write_all_data, which is too much"),
    ("ALTER ROLE {o} SUPERUSER", "{o} is SUPERUSER and should be NOSUPERUSER"),
    ("REVOKE pg_signal_backend FROM {o}", "{o} is no member of pg_signal_backend"),
    ("REVOKE SET ON PARAMETER deadlock_timeout FROM {o}", "{o} may not set deadlock_timeout"),
    ("ALTER DATABASE {d} OWNER TO CURRENT_USER", "DATABASE {d} belongs to"),
    ("GRANT TEMPORARY ON DATABASE {d} TO PUBLIC", "PUBLIC has TEMPORARY on DATABASE {d}"),
    ("REVOKE CONNECT ON DATABASE {d} FROM {a}", "{a} lacks CONNECT on DATABASE {d}"),
    ("GRANT CREATE ON SCHEMA public TO {a}", "{a} has CREATE on SCHEMA public, which is too much"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "PUBLIC has CREATE on SCHEMA public, which is too much"),
    ("REVOKE USAGE ON SCHEMA extensions FROM {a}", "{a} lacks USAGE on SCHEMA extensions"),
    ("DROP EXTENSION pgcrypto", "EXTENSION pgcrypto does not exist"),
    (
        "GRANT TRUNCATE, TRIGGER, REFERENCES ON kept TO {a}",
        "{a} has REFERENCES, TRIGGER, TRUNCATE on TABLE public.kept",
    ),
    ("REVOKE DELETE ON kept FROM {a}", "{a} lacks DELETE on TABLE public.kept"),
    ("GRANT SELECT ON kept TO PUBLIC", "PUBLIC has SELECT on TABLE public.kept"),
    ("GRANT INSERT ON django_migrations TO {a}", "{a} has INSERT on TABLE public.django_migrations"),
    ("GRANT UPDATE ON SEQUENCE kept_id_seq TO {a}", "{a} has UPDATE on SEQUENCE public.kept_id_seq"),
    ("ALTER TABLE kept OWNER TO {a}", "table kept belongs to {a} and not to {o}"),
    ("ALTER TABLE kept OWNER TO CURRENT_USER", "TABLE public.kept belongs to"),
    ("ALTER FUNCTION twice(int) OWNER TO CURRENT_USER", "ROUTINE public.twice(integer) belongs to"),
    ("REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC, {a}", "{a} lacks EXECUTE on ROUTINE public.twice"),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE {o} GRANT TRUNCATE ON TABLES TO {a}",
        "What {o} creates later (TABLES) is not as it should be for {a}",
    ),
)


@pytest.fixture
def nothing(db):
    with unprovisioned() as variables:
        yield variables


@pytest.fixture(scope="module")
def site(django_db_setup, django_db_blocker):
    """A site with one table of its own beside the record of migrations, quicker than a migration."""
    with django_db_blocker.unblock(), unprovisioned() as variables:
        assert manage("provision", **variables).returncode == 0
        with session(variables, user=OWNER) as owner:
            owner.execute("CREATE TABLE kept (id bigserial, word text)")
            owner.execute(
                "CREATE TABLE django_migrations (id bigserial, app text, name text, applied timestamptz)"
            )
            owner.execute("INSERT INTO kept (word) VALUES ('전례')")
            owner.execute("CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'")
        assert manage("provision", **variables).returncode == 0
        yield variables


class TestProvision:
    def test_makes_everything_out_of_nothing_and_then_has_nothing_to_do(self, nothing):
        first, second = (manage("provision", **nothing) for _time in range(2))
        check = manage("provision", "--check", "--json", **nothing)

        assert first.returncode == second.returncode == 0, first.stderr
        assert f"Put right: The role {OWNER} does not exist." in first.stdout
        assert f"Put right: DATABASE {DATABASE} does not exist." in first.stdout
        assert "Put right" not in second.stdout
        assert "all is as it should be" in second.stdout
        assert json.loads(check.stdout)["differences"] == []
        with session(nothing) as application, session(nothing, user=OWNER) as owner:
            assert application.execute("SHOW server_encoding").fetchone() == ("UTF8",)
            owner.execute("CREATE TABLE of_owner ()")

    def test_writes_nothing_with_check_or_dry_run(self, nothing):
        check, dry_run = (
            manage("provision", "--check", **nothing),
            manage("provision", "--dry-run", **nothing),
        )

        assert (check.returncode, dry_run.returncode) == (1, 0)
        assert f"The role {OWNER} does not exist." in check.stdout
        assert f"Would put right: The role {OWNER} does not exist." in dry_run.stdout
        with pytest.raises(psycopg.OperationalError):
            session(nothing)

    def test_sends_no_password_to_the_server(self, nothing):
        assert manage("provision", **nothing).returncode == 0

        with psycopg.connect(**_administrator(), autocommit=True) as administrator:
            stored = administrator.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname IN (%s, %s)", [OWNER, APPLICATION]
            ).fetchall()
        assert all(verifier.startswith("SCRAM-SHA-256$") for (verifier,) in stored)

    def test_takes_back_what_was_done_to_it_and_keeps_the_rows(self, site):
        for statement, _sentence in BROKEN:
            administer_site(statement.format(**NAMES))

        result = manage("provision", **site)

        assert result.returncode == 0, result.stdout + result.stderr
        with session(site) as application:
            assert application.execute("SELECT word FROM kept").fetchall() == [("전례",)]

    def test_takes_over_a_database_of_another_owner_with_its_rows(self, nothing):
        administer("CREATE DATABASE {}", DATABASE)
        administer_site("CREATE SCHEMA extensions", "CREATE EXTENSION pg_trgm SCHEMA extensions")
        administer_site("COMMENT ON SCHEMA extensions IS 'Made by the migration budget.0001_extensions'")
        administer_site("CREATE TABLE kept (id serial, word text)", "INSERT INTO kept VALUES (1, '전례')")

        result = manage("provision", **nothing)

        assert result.returncode == 0, result.stdout + result.stderr
        with session(nothing) as application, session(nothing, user=OWNER) as owner:
            assert application.execute("SELECT word FROM kept").fetchall() == [("전례",)]
            owner.execute("ALTER TABLE kept ADD COLUMN added text")
        zero = [manage("migrate", "budget", name, "-v0", **nothing) for name in ("0001", "zero")]
        assert [each.returncode for each in zero] == [0, 0], zero

    def test_without_an_administrator_says_who_may(self, nothing):
        result = manage("provision", **{**nothing, "DB_ADMIN_USERNAME": ""})

        assert result.returncode == 2
        assert "DB_ADMIN_USERNAME" in result.stderr
        assert "manage.py provision --sql" in result.stderr

    def test_refuses_an_administrator_who_is_no_superuser(self, site):
        variables = {"DB_ADMIN_USERNAME": OWNER, "DB_ADMIN_PASSWORD": site["DB_OWNER_PASSWORD"]}

        result = manage("provision", **{**site, **variables})

        assert result.returncode == 2
        assert f"{OWNER} is no superuser" in result.stderr

    def test_explains_a_wrong_password_of_the_administrator_by_its_variable(self, nothing):
        result = manage("provision", **{**nothing, "DB_ADMIN_PASSWORD": "wrong-pass-phrase"})

        assert result.returncode == 2
        assert "DB_ADMIN_USERNAME and DB_ADMIN_PASSWORD" in result.stderr
        assert "wrong-pass-phrase" not in result.stderr

    def test_needs_two_roles(self, nothing):
        result = manage("provision", "--check", **{**nothing, "DB_OWNER_USERNAME": ""})

        assert result.returncode == 2
        assert "one role" in result.stderr


class TestCheck:
    def test_finds_each_of_many_faults(self, site):
        """One process for all: each is broken, looked for and taken back by the same functions."""
        missed = [
            (statement, found)
            for statement, sentence, found in _faults(site)
            if not any(each.startswith(sentence) for each in found)
        ]

        assert missed == []

    def test_exits_with_1_and_a_line_for_each_difference(self, site):
        administer_site(f"GRANT TRUNCATE ON kept TO {APPLICATION}")

        result = manage("provision", "--check", **site)

        assert result.returncode == 1
        assert result.stdout == f"{APPLICATION} has TRUNCATE on TABLE public.kept, which is too much.\n"
        assert manage("provision", **site).returncode == 0


class TestScript:
    def test_makes_the_same_as_the_command_and_holds_no_secret(self, nothing, tmp_path):
        printed = manage(
            "provision", "--sql", **{**nothing, "DB_ADMIN_USERNAME": "", "DB_ADMIN_PASSWORD": ""}
        )
        assert printed.returncode == 0, printed.stderr
        assert nothing["DB_PASSWORD"] not in printed.stdout
        # psql asks a terminal for the passwords; here they follow by provision.
        script = "".join(line for line in printed.stdout.splitlines(True) if r"\password" not in line)

        for _time in range(2):
            _psql(script, nothing)
        differences = json.loads(manage("provision", "--check", "--json", **nothing).stdout)["differences"]

        assert differences == [
            f"The server does not take the password of {role}." for role in (OWNER, APPLICATION)
        ]


# A process of its own for all of them, because only there the settings are those of the site.
FIND = """
import json, sys
from config.operations.provision import _connected, check_provision, provision
answer = []
for statement in json.loads({!r}):
    with _connected({!r}) as database, database.cursor() as cursor:
        cursor.execute(statement)
    answer.append(check_provision().differences)
    provision()
print(json.dumps(answer))
"""


def _faults(site):
    """Return each statement that breaks something, the sentence about it, and what the check finds."""
    statements = [statement.format(**NAMES) for statement, _sentence in BROKEN]
    script = FIND.format(json.dumps(statements), DATABASE)
    result = manage("shell", "--no-imports", "--command", script, **site)
    assert result.returncode == 0, result.stderr
    sentences = [sentence.format(**NAMES) for _statement, sentence in BROKEN]
    return list(zip(statements, sentences, json.loads(result.stdout), strict=True))


def _psql(script, variables):
    subprocess.run(
        ["psql", "--no-psqlrc", "--quiet", "--dbname=postgres"],
        input=script,
        env={
            "PATH": "/usr/bin:/bin",
            "PGHOST": variables["DB_HOST"],
            "PGPORT": variables["DB_PORT"],
            "PGUSER": variables["DB_ADMIN_USERNAME"],
            "PGPASSWORD": variables["DB_ADMIN_PASSWORD"],
        },
        text=True,
        capture_output=True,
        check=True,
    )


def _administrator():
    return {**connection.get_connection_params(), "dbname": "postgres"}
