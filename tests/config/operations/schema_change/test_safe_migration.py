import datetime

import pytest
from django.core.files.storage import InMemoryStorage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from config.log_files import MIGRATIONS_LOGGER
from config.operations.advisory_lock import advisory_lock_at_once
from config.operations.models import Deploy, MigrationRun
from config.operations.schema_change.deploys import DeployOrder, MigrationStopped, UnableToMigrate
from config.operations.schema_change.safe_migration import look, migrate_safely, prepare
from tests.config.operations.schema_change.trials import MEMBERS, applied, execute, fill, migrate

NOW = datetime.datetime(2026, 3, 1, 9, tzinfo=datetime.UTC)
NOTE = 'migrations.AddField("member", "remark", TextField(default="", db_default=""))'
LOCK = "LOCK TABLE trial_member IN ACCESS SHARE MODE"

pytestmark = pytest.mark.usefixtures("english")


@pytest.fixture
def pending(trial):
    trial.write("0001", MEMBERS)
    migrate("0001", large=())
    fill()
    trial.write("0002", NOTE)
    return trial


@pytest.fixture
def order(tmp_path):
    """Return a function that makes an order; a backup takes long, so only one test takes one."""

    def make(**changes):
        given = {
            "folder": tmp_path / "backups",
            "now": NOW,
            "alias": "default",
            "storage": InMemoryStorage(),
            "saves_first": False,
        }
        return DeployOrder(**{**given, **changes})

    return make


class TestMigrateSafely:
    def test_applies_what_is_pending_and_records_the_deploy(self, pending, order):
        migration = migrate_safely(order=order())

        [deploy] = Deploy.objects.all()
        assert applied() == ["0001", "0002"]
        assert [outcome.name for outcome in migration.outcomes] == ["trial.0002"]
        assert migration.conclusion.pending == ()
        assert deploy.result == "DONE"
        assert set(deploy.applied_after) - set(deploy.applied_before) == {"trial.0002"}
        assert deploy.runs.get().migration == "trial.0002"

    def test_backs_up_first_and_proves_the_backup(self, pending, order):
        migration = migrate_safely(order=order(saves_first=True))

        assert migration.backup == Deploy.objects.get().backup
        assert migration.seconds.keys() == {"look", "backup", "apply", "check"}

    def test_has_nothing_to_do_when_nothing_is_pending(self, trial, order):
        migration = migrate_safely(order=order())

        assert migration.outcomes == ()
        assert not Deploy.objects.exists()

    def test_says_who_else_is_migrating(self, pending, order):
        with (
            advisory_lock_at_once(name=MIGRATIONS_LOGGER, alias="default"),
            pytest.raises(UnableToMigrate, match=r"Somebody else is migrating .* process \d+, since"),
        ):
            migrate_safely(order=order())

        assert applied() == ["0001"]

    def test_refuses_a_database_that_is_newer_than_the_code(self, pending, order):
        MigrationRecorder(connection).record_applied("trial", "0009_from_tomorrow")

        with pytest.raises(UnableToMigrate, match=r"newer than this code.*trial\.0009_from_tomorrow"):
            migrate_safely(order=order())

    def test_refuses_a_history_with_a_gap(self, pending, order):
        MigrationRecorder(connection).record_applied("trial", "0002")
        MigrationRecorder(connection).record_unapplied("trial", "0001")

        with pytest.raises(UnableToMigrate, match="The record of the migrations contradicts the code"):
            migrate_safely(order=order())

    def test_refuses_what_the_linter_objects_to(self, pending, order):
        pending.write("0002", 'migrations.RunSQL("SELECT 1")')

        with pytest.raises(UnableToMigrate, match=r"The linter objects to trial\.0002 \("):
            migrate_safely(order=order())

    def test_refuses_production_without_an_approval_or_a_backup(self, pending, order, settings):
        settings.ENVIRONMENT = "production"

        with pytest.raises(UnableToMigrate, match="--approved-by NAME --plan"):
            migrate_safely(order=order(saves_first=True))

    def test_gives_up_when_its_patience_ends_and_names_who_was_in_the_way(self, pending, order, sessions):
        reader = sessions.open("monthly report")
        reader.execute(LOCK)

        with pytest.raises(UnableToMigrate, match=f"{reader.info.backend_pid}"):
            migrate_safely(order=order(patience_seconds=0.3))

        assert applied() == ["0001"]
        assert Deploy.objects.get().result == "FAILED"

    def test_names_what_is_done_when_its_patience_ends_later(self, pending, order, sessions):
        pending.write("0002", 'migrations.AddField("group", "remark", TextField(null=True))')
        pending.write("0003", NOTE)
        reader = sessions.open("monthly report")
        reader.execute(LOCK)

        with pytest.raises(MigrationStopped) as stopped:
            migrate_safely(order=order(patience_seconds=0.3))

        assert applied() == ["0001", "0002"]
        done, unchanged, *_why = str(stopped.value).splitlines()
        assert done == "Done before that: trial.0002."
        assert unchanged == "Nothing was changed by trial.0003."
        assert "Then type the command again" in str(stopped.value)

    def test_says_that_the_migrations_are_done_when_the_role_of_the_application_is_missing(
        self, pending, order, settings, monkeypatch
    ):
        default = {**settings.DATABASES["default"], "USER": "nobody_here"}
        monkeypatch.setitem(settings.DATABASES, "default", default)

        with pytest.raises(MigrationStopped, match=r"are done, but .* nobody_here does not exist"):
            migrate_safely(order=order())

        assert applied() == ["0001", "0002"]

    def test_leaves_nothing_of_a_migration_that_fails_in_its_second_operation(self, pending, order):
        pending.write(
            "0002",
            NOTE + ",\nmigrations.AddConstraint('member', CheckConstraint(condition=Q(age=0), name='old'))",
        )

        with pytest.raises(MigrationStopped, match=r"trial\.0002"):
            migrate_safely(order=order())

        columns = (
            "SELECT 1 FROM pg_attribute WHERE attrelid = 'trial_member'::regclass AND attname = 'remark'"
        )
        assert execute(columns) == []
        assert MigrationRun.objects.get(migration="trial.0002").result == "FAILED"


class TestLook:
    def test_changes_nothing_and_needs_no_lock(self, pending):
        with advisory_lock_at_once(name=MIGRATIONS_LOGGER, alias="default"):
            preview = look(alias="default")

        assert [migration.name for migration in preview.migrations] == ["trial.0002"]
        assert applied() == ["0001"]


class TestPrepare:
    def test_raises_what_would_be_raised(self, pending, order, settings):
        settings.ENVIRONMENT = "production"

        with pytest.raises(UnableToMigrate, match="somebody has to approve"):
            prepare(order=order())

    def test_changes_nothing(self, pending, order):
        assert [migration.name for migration in prepare(order=order()).migrations] == ["trial.0002"]
        assert applied() == ["0001"]
