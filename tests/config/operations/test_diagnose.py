"""`manage.py diagnose` as a process: what it answers, what it leaves behind, and what it must never tell."""

import dataclasses
import json
import os
import signal
import stat
import tarfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import connection

from config.cluster import SCRATCH, Cluster, running
from config.operations.manifest import Level, Verification, read_manifest, write_manifest
from tests.config.servers import PASSWORD, manage

SECRET_KEY = "k9-Wq7-secret-key-of-the-diagnosis"
HOOK = "https://hooks.example.org/services/T0/B0/s3cr3t-hook"
PEOPLE = ("김은총", "eunchong.kim@example.org", "010-9876-5432", "광장로 12길 34", "국민 123456-04-567890")
VENDOR = "은총마트"


@pytest.fixture
def variables(empty_database, tmp_path):
    return {
        **empty_database,
        "BACKUP_DIR": str(tmp_path / "backups"),
        "MEDIA_ROOT": str(tmp_path / "media"),
        "SECRET_KEY": SECRET_KEY,
        "NOTIFY_WEBHOOK_URL": HOOK,
    }


def connect(variables, **changes):
    parameters = {**connection.get_connection_params(), "dbname": variables["DB_NAME"], **changes}
    return psycopg.connect(**parameters, autocommit=True)


def diagnose(variables, tmp_path, *arguments):
    """Return the process, and what it answered."""
    result = manage("diagnose", "--json", "--output", str(tmp_path / "bundles"), *arguments, **variables)
    return result, json.loads(result.stdout)


def contents(path):
    """Return name → text of a bundle, whether it is a folder or an archive."""
    if path.endswith(".tar.gz"):
        with tarfile.open(path) as archive:
            files = [member for member in archive.getmembers() if member.isfile()]
            return {file.name.split("/")[-1]: archive.extractfile(file).read().decode() for file in files}
    return {file.name: file.read_text() for file in Path(path).iterdir()}


def write_logs(folder, *lines):
    now = datetime.now(tz=ZoneInfo("Asia/Seoul"))
    folder.mkdir(exist_ok=True)
    text = "".join(f"{now.isoformat(timespec='milliseconds')} ERROR budget: {line}\n" for line in lines)
    for stream in ("application", "error"):
        with (folder / f"{stream}-{now:%Y-%m-%d}.log").open("a", encoding="utf-8") as file:
            file.write(text)


def personal_lines():
    """Return the lines that a careless programmer, the server and a browser would have written to a log."""
    name, email, phone, address, account = PEOPLE
    return [
        f"{name} could not be saved: {email}, {phone}, {address}, {account}",
        f'vendor={VENDOR!r} account="{account}" SECRET_KEY={SECRET_KEY} {HOOK} password={PASSWORD}',
        f"IntegrityError: duplicate key\nDETAIL:  Failing row contains (1, {name},\n {address}, {phone}).\n",
        "Bad request: /admin/budget/user/?q=%EA%B9%80%EC%9D%80%EC%B4%9D",
        f"read {name.encode()!r} and {json.dumps(VENDOR)}",
    ]


def demo_texts(database):
    """Return every text of the demo year that is about a person, a shop or an account."""
    queries = (
        "SELECT name FROM users UNION SELECT baptismal_name FROM users UNION SELECT email FROM users "
        "UNION SELECT phone FROM users UNION SELECT address FROM users",
        "SELECT deposit_account FROM budgets UNION SELECT account_holder FROM budgets",
        "SELECT vendor FROM settlement_items",
        "SELECT merchant FROM receipt_validations UNION SELECT merchant FROM ocr_results "
        "UNION SELECT business_number FROM ocr_results UNION SELECT raw_text FROM ocr_results",
    )
    return {text for query in queries for (text,) in database.execute(query) if text and len(text) > 2}


def record_restore(folder, *, seconds):
    """Let a backup say that it was restored once, which would take longer than a test may."""
    manifest = read_manifest(folder=folder)
    proof = Verification(level=Level.RESTORED, at=manifest.started_at, passed=True, seconds=seconds)
    write_manifest(folder=folder, manifest=dataclasses.replace(manifest, verified=(proof,)))


class TestSecrecy:
    def test_tells_nothing_about_people_and_no_secret(self, variables, tmp_path):
        manage("migrate", "-v0", **variables)
        manage("seed", "--demo", "-v0", **variables)
        owner = {"user": variables["DB_USERNAME"], "password": PASSWORD}
        with connect(variables) as database, connect(variables, **owner) as busy:
            texts = demo_texts(database)
            database.execute(f"UPDATE users SET name = '{PEOPLE[0]}', address = '{PEOPLE[3]}'")
            busy.execute("BEGIN")
            busy.execute(f"SELECT '{PEOPLE[1]}', '{SECRET_KEY}', 1234567890 FROM users")
            write_logs(tmp_path / "logs", *personal_lines(), *texts)

            result, answer = diagnose(variables, tmp_path, "--archive")

        files = contents(answer["path"])
        told = "\n".join([*files.values(), *files, result.stdout, result.stderr])
        forbidden = {*texts, *PEOPLE, VENDOR, SECRET_KEY, HOOK, PASSWORD, "1234567890", "%EC%9D%80"}
        assert len(texts) > 30
        assert [text for text in forbidden if text in told] == []
        assert "could not be saved" in told  # The logs are there, and tell what happened.
        assert "SELECT '…', '…', … FROM users" in files["activity.json"]
        assert [name for name, failure in answer["parts"].items() if failure] == []


class TestBundle:
    def test_is_for_its_owner_only_and_begins_with_the_answers(self, variables, tmp_path):
        manage("migrate", "-v0", **variables)

        result, answer = diagnose(variables, tmp_path)

        assert result.returncode == 0, result.stderr
        assert answer["healthy"] is True
        [folder] = (tmp_path / "bundles").iterdir()
        assert str(folder) == answer["path"]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        page = (folder / "answers.txt").read_text()
        assert "1. Is it down?\n  No. It serves." in page
        assert "→ manage.py revert" in page

    def test_knows_the_way_back_and_how_long_it_takes(self, variables, tmp_path):
        manage("migrate", "-v0", **variables)
        manage("backup", "--no-verify", **variables)
        [backup] = (tmp_path / "backups").glob("2*")
        record_restore(backup, seconds=3.2)
        kept = f"{variables['DB_NAME']}_old_20250805T030000Z"
        with connect(variables) as database:
            database.execute(f'CREATE DATABASE "{kept}"')
            try:
                _result, answer = diagnose(variables, tmp_path)
            finally:
                database.execute(f'DROP DATABASE "{kept}"')

        back, duration = answer["answers"][3:]
        assert back["commands"] == [
            "manage.py revert",
            "manage.py restore --undo",
            f"manage.py restore {backup.name}",
        ]
        assert kept in back["lines"][1]
        assert any("applying it took" in line for line in duration["lines"])
        assert any("with a full restore, took 3.2 s" in line for line in duration["lines"])

    def test_says_when_the_last_good_line_and_the_first_error_were(self, variables, tmp_path):
        manage("migrate", "-v0", **variables)
        write_logs(tmp_path / "logs", "it broke")

        _result, answer = diagnose(variables, tmp_path)

        since = " ".join(answer["answers"][1]["lines"])
        assert "without an error" in since
        assert "The first error after it" in since
        assert answer["answers"][1]["commands"][0].startswith("tail -n 50 ")


class TestTrouble:
    def test_answers_1_when_the_server_is_stopped_and_collects_the_rest(self, variables, tmp_path):
        variables = {**variables, "DB_HOST": "127.0.0.1", "DB_PORT": "1"}

        result, answer = diagnose(variables, tmp_path)

        files = contents(answer["path"])
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        assert "Yes." in answer["answers"][0]["lines"]
        assert "pg_isready" in answer["answers"][0]["commands"][0]
        assert "OperationalError" in files["migrations.json"]
        assert '"python"' in files["versions.json"]

    def test_does_not_wait_for_a_frozen_server(self, variables, tmp_path):
        with running(cluster=Cluster(profile=SCRATCH, folder=tmp_path / "server")) as server:
            frozen = {
                **variables,
                "DB_HOST": str(server.cluster.socket_directory),
                "DB_USERNAME": server.cluster.user,
                "DB_NAME": "postgres",
            }
            os.kill(server.pid, signal.SIGSTOP)
            try:
                result, answer = diagnose(frozen, tmp_path)
            finally:
                os.kill(server.pid, signal.SIGCONT)

        assert result.returncode == 1
        # The driver and the health check both wait two seconds; which of them gives up first is chance.
        lines = " ".join(answer["answers"][0]["lines"])
        assert "Yes. database: " in lines
        assert "no answer within 2 s" in lines or "connection timeout expired" in lines

    def test_collects_from_a_database_that_is_half_migrated(self, variables, tmp_path):
        manage("migrate", "budget", "0005", "-v0", **variables)

        result, answer = diagnose(variables, tmp_path)

        assert result.returncode == 0
        assert "budget.0006_budgets" in contents(answer["path"])["migrations.json"]
        assert "UndefinedTable" not in result.stderr

    def test_names_what_it_did_not_finish_counting(self, variables, tmp_path):
        manage("migrate", "-v0", **variables)
        with connect(variables) as holder:
            holder.execute("BEGIN; LOCK TABLE users")

            _result, answer = diagnose(variables, tmp_path, "--integrity-seconds", "1")

        integrity = json.loads(contents(answer["path"])["integrity.json"])
        assert integrity["complete"] is False
        assert integrity["stopped"]

    def test_answers_2_but_still_answers_when_it_cannot_write(self, variables):
        result = manage("diagnose", "--output", "/proc/bundles", **variables)

        assert result.returncode == 2
        assert "1. Is it down?" in result.stdout
        assert "--output FOLDER" in result.stderr
        assert "Traceback" not in result.stderr
