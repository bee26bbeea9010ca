"""The commands of backups as processes: exit codes, output, and what a signal leaves behind."""

import json
import os
import signal

import psycopg
import pyrage
import pytest
from django.db import connection

from config.cluster import SCRATCH, Cluster, running
from config.operations.maintenance import LOCK
from tests.config.operations.backup_sources import CONTENT, MORE, backends, eventually, processes
from tests.config.operations.receiver import SECRET, Receiver
from tests.config.servers import execute, folders_in, manage, read_until, started, variables_of


@pytest.fixture
def source(empty_database, tmp_path):
    """Return the variables of a filled database of an ordinary role, and of a folder for its backups."""
    execute(empty_database, CONTENT)
    return {**empty_database, **folders_in(tmp_path)}


def connect(name, **changes):
    """Connect as the owner of the server, or as somebody else."""
    parameters = {**connection.get_connection_params(), "dbname": name, **changes}
    return psycopg.connect(**parameters, autocommit=True)


def listed(variables):
    return json.loads(manage("list_backups", "--json", **variables).stdout)["backups"]


class TestBackup:
    def test_writes_a_verified_backup_and_says_so(self, source):
        result = manage("backup", "--json", "--reason", "before the camp", **source)

        assert result.returncode == 0, result.stderr
        answer = json.loads(result.stdout)
        assert (answer["state"], answer["level"], answer["tables"]) == ("verified", "L2", 7)
        assert result.stderr == ""
        [backup] = listed(source)
        assert (backup["name"], backup["state"]) == (answer["name"], "verified")
        assert backup["reason"] == "before the camp"

    def test_answers_1_when_it_is_good_here_but_not_elsewhere(self, source, tmp_path):
        offsite = tmp_path / "offsite"
        unreachable = manage("backup", "--json", **source, BACKUP_OFFSITE_DIR=str(offsite))
        offsite.mkdir()
        copied = manage("backup", "--json", "--pin", **source, BACKUP_OFFSITE_DIR=str(offsite))

        assert (unreachable.returncode, copied.returncode) == (1, 0)
        assert "good here, but not off-site" in unreachable.stderr
        assert "manage.py copy_backups" in unreachable.stderr
        assert json.loads(unreachable.stdout)["offsite"]["copied_at"] is None
        answer = json.loads(copied.stdout)
        assert answer["offsite"]["place"] == str(offsite)
        assert (offsite / answer["name"] / "manifest.json").exists()
        assert [(each["state"], len(each["copies"])) for each in listed(source)] == [
            ("verified", 1),
            ("verified", 0),
        ]

    def test_tells_people_elsewhere_how_it_went(self, source):
        with Receiver((200, {}), (200, {})) as receiver:
            told = {**source, "NOTIFY_WEBHOOK_URL": receiver.address}
            manage("backup", "--no-verify", **told)
            failed = manage("backup", **{**told, "BACKUP_DIR": "/dev/null/backups"})

        done, undone = (json.dumps(message) for message in receiver.messages)
        assert "7 tables" in done
        assert "No backup was written" in undone
        assert failed.returncode == 2
        assert SECRET not in failed.stderr

    def test_shows_its_steps_on_request(self, source):
        result = manage("backup", "--no-verify", "-v2", **source)

        assert result.returncode == 0
        assert "s  Dumping the database" in result.stderr
        assert "7 tables, 3017 rows" in result.stdout

    def test_says_clearly_what_is_not_proved(self, source):
        result = manage("backup", "--no-verify", **source)

        assert result.returncode == 0
        assert "not proved. → manage.py verify_backup 2" in result.stderr
        assert [backup["state"] for backup in listed(source)] == ["complete"]

    def test_writes_nothing_on_a_dry_run(self, source, tmp_path):
        result = manage("backup", "--dry-run", **source)

        assert result.returncode == 0
        assert "Would back up" in result.stdout
        assert not (tmp_path / "backups").exists()

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"DB_PASSWORD": "another-Pass-phrase"}, "Correct DB_USERNAME and DB_PASSWORD"),
            ({"BACKUP_DIR": "/proc/backups"}, "No backup was written."),
        ],
    )
    def test_answers_2_with_the_cause_when_it_cannot_run(self, source, change, words):
        result = manage("backup", **{**source, **change})

        assert result.returncode == 2
        assert words in result.stderr
        assert "Traceback" not in result.stderr
        assert source["DB_PASSWORD"] not in result.stderr

    def test_answers_2_when_it_lacks_a_privilege(self, source):
        with connect(source["DB_NAME"]) as database:
            database.execute("ALTER TABLE archive.events OWNER TO CURRENT_USER")

        result = manage("backup", **source)

        assert result.returncode == 2
        assert "permission denied for table events" in result.stderr

    def test_answers_2_when_another_one_is_running(self, source):
        with connect(source["DB_NAME"]) as holder:
            holder.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [LOCK])

            result = manage("backup", **source)

        assert result.returncode == 2
        assert "is running since" in result.stderr


class TestVerifyBackup:
    def test_answers_0_for_a_sound_one(self, source):
        manage("backup", "--no-verify", **source)

        result = manage("verify_backup", "--json", **source)

        answer = json.loads(result.stdout)
        assert (result.returncode, answer["passed"], answer["level"]) == (0, True, "L2")
        assert [backup["state"] for backup in listed(source)] == ["verified"]

    def test_answers_1_for_a_damaged_one(self, source, tmp_path):
        manage("backup", "--no-verify", **source)
        [dump] = tmp_path.glob("backups/*/data.dump")
        dump.write_bytes(dump.read_bytes()[:-1])

        result = manage("verify_backup", "--level", "L0", **source)

        assert result.returncode == 1
        assert "not to be relied on" in result.stderr
        assert "manage.py list_backups" in result.stderr

    def test_needs_the_private_key_of_an_encrypted_one(self, source, tmp_path):
        identity = pyrage.x25519.Identity.generate()
        encrypted = {**source, "BACKUP_RECIPIENTS": str(identity.to_public())}
        made = manage("backup", "--verify", "L1", **encrypted)
        file = tmp_path / "keys.txt"
        file.write_text(f"{identity}\n")
        file.chmod(0o600)

        locked = manage("verify_backup", **encrypted)
        opened = manage("verify_backup", "--level", "L1", "--identity", str(file), **encrypted)

        assert (made.returncode, locked.returncode, opened.returncode) == (0, 2, 0)
        assert "--identity FILE" in locked.stderr
        assert listed(source)[0]["encrypted"] is True

    def test_answers_2_when_there_is_none(self, source):
        result = manage("verify_backup", **source)

        assert result.returncode == 2
        assert "manage.py backup" in result.stderr


class TestListBackups:
    def test_describes_each_and_calls_the_others_what_they_are(self, source, tmp_path):
        manage("backup", "--verify", "L0", "--reason", "camp", **source)
        (tmp_path / "backups" / "20250101T000000Z_x.partial").mkdir()
        (tmp_path / "backups" / "20250102T000000Z_x").mkdir()

        result = manage("list_backups", **source)

        assert result.returncode == 0
        assert "complete, only L0 was verified" in result.stdout
        assert "camp" in result.stdout
        assert "partial, no backup: The manifest is missing." in result.stdout
        assert "damaged: The manifest is missing." in result.stdout

    def test_says_when_there_is_nothing_to_rely_on(self, source):
        result = manage("list_backups", **source)

        assert result.returncode == 0
        assert "no usable backup" in result.stderr

    def test_names_the_migrations_it_does_not_know(self, source):
        with connect(source["DB_NAME"]) as database:
            database.execute("INSERT INTO django_migrations (app, name) VALUES ('budget', '9999_x')")
        manage("backup", "--no-verify", **source)

        result = manage("list_backups", **source)

        assert "does not know budget.9999_x" in result.stdout


class TestInterruption:
    @pytest.fixture
    def large_source(self, source):
        with connect(source["DB_NAME"]) as database:
            database.execute(MORE)
        return source

    @pytest.mark.parametrize(
        ("step", "number", "exit_code"),
        [
            ("Dumping the database", signal.SIGKILL, -9),
            ("Hashing", signal.SIGKILL, -9),
            ("Starting", signal.SIGKILL, -9),
            ("Restoring", signal.SIGKILL, -9),
            ("Dumping the database", signal.SIGTERM, 143),
            ("Restoring", signal.SIGTERM, 143),
            ("Dumping the database", signal.SIGINT, 130),
        ],
    )
    def test_leaves_nothing_running_and_nothing_that_looks_like_a_backup(
        self, large_source, tmp_path, step, number, exit_code
    ):
        with started("backup", **large_source) as process:
            read_until(process, step)
            os.kill(process.pid, number)
            process.stderr.read()

        assert process.returncode == exit_code
        assert eventually(lambda: processes(tmp_path / "backups") == [])
        assert eventually(lambda: backends(large_source["DB_NAME"]) == [])
        assert {backup["state"] for backup in listed(large_source)} <= {"partial", "complete"}
        assert manage("backup", "--verify", "L0", **large_source).returncode == 0
        states = [backup["state"] for backup in listed(large_source)]
        assert "partial" not in states
        assert [path.name for path in (tmp_path / "backups").glob(".verification")] == []

    @pytest.mark.parametrize("step", ["Dumping the database", "Encrypting", "Decrypting"])
    def test_leaves_nothing_in_the_clear_of_an_encrypted_one(self, large_source, tmp_path, step):
        public_key = str(pyrage.x25519.Identity.generate().to_public())
        with started("backup", **large_source, BACKUP_RECIPIENTS=public_key) as process:
            read_until(process, step)
            os.kill(process.pid, signal.SIGKILL)
            process.stderr.read()

        assert eventually(lambda: backends(large_source["DB_NAME"]) == [])
        written = [path for path in (tmp_path / "backups").rglob("*") if path.is_file()]
        assert not [path for path in written if b"PGDMP" in path.read_bytes()]
        assert {path.suffix for path in written} <= {"", ".lock", ".age", ".json"}

    def test_ends_in_order_when_the_server_dies(self, tmp_path):
        with running(cluster=Cluster(profile=SCRATCH, folder=tmp_path / "server")) as server:
            variables = variables_of(server.cluster, "postgres", tmp_path)
            execute(variables, f"{CONTENT}; {MORE}")
            with started("backup", **variables) as process:
                read_until(process, "Dumping the database")
                os.kill(server.pid, signal.SIGQUIT)  # An immediate shutdown.
                errors = process.stderr.read()

        assert process.returncode == 2
        assert "Traceback" not in errors
        assert variables["DB_PASSWORD"] not in errors
        assert listed(variables) == []
