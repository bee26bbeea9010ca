import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import override

from config.operations.confirmation import NotConfirmed
from config.operations.models import Deploy, Direction, MigrationRun, Result
from config.operations.schema import ATTIC, read_schema
from config.operations.schema_change.attic import AtticKeeper
from config.operations.schema_change.attic_entries import list_attic
from config.operations.schema_change.deploys import (
    DeployOrder,
    MigrationStopped,
    UnableToMigrate,
    run_deploy,
)
from config.operations.schema_change.execution import run_plan
from config.operations.schema_change.planning import read_plan
from config.operations.schema_change.reverting import prepare_revert, revert
from config.operations.schema_change.runs import applied_migrations
from config.operations.schema_change.way_back import WayBack, list_checkpoints
from tests.config.operations.schema_change.trials import applied, execute

NOTES = """
    migrations.CreateModel(
        "Note",
        [("id", BigAutoField(primary_key=True)), ("text", TextField()), ("amount", IntegerField(null=True))],
    ),
"""


@pytest.fixture
def order(tmp_path):
    return DeployOrder(folder=tmp_path, now=timezone.now(), saves_first=False, alias="default")


@pytest.fixture
def notes(trial):
    """Return the trial app with a table that has two rows."""
    trial.write("0001_notes", NOTES)
    apply_all()
    execute("INSERT INTO trial_note (text, amount) VALUES ('a', NULL), ('b', 2)")
    yield trial
    execute(f"DROP SCHEMA IF EXISTS {ATTIC} CASCADE")


def apply_all():
    plan = read_plan(connection=connection)
    return run_plan(connection=connection, plan=plan, keeper=AtticKeeper(now=timezone.now()))


def deploy_all(order):
    plan = read_plan(connection=connection)
    return run_deploy(order=order, plan=plan, direction=Direction.APPLY, backup=None)


def take_back(order, *, confirm=lambda preview: True, **way_back):
    return revert(order=order, way_back=WayBack(**way_back), confirm=confirm)


def rows():
    return execute("SELECT to_jsonb(note) FROM trial_note AS note ORDER BY 1")


class TestRevert:
    def test_takes_back_the_newest_migration_and_its_data_return_when_it_is_applied_again(self, notes, order):
        notes.write("0002_extra", 'migrations.AddField("note", "extra", TextField(null=True)),')
        apply_all()
        execute("UPDATE trial_note SET extra = text || 'x'")
        before = rows()

        done = take_back(order)
        between = rows()
        apply_all()

        assert [outcome.name for outcome in done.outcomes] == ["trial.0002_extra"]
        assert [(loss.place.column, loss.count) for loss in done.preview.effects.losses] == [("extra", 2)]
        assert "extra" not in between[0][0]
        assert rows() == before

    def test_brings_back_what_the_migration_had_dropped(self, notes, order):
        before = rows()
        notes.write("0002_no_text", 'migrations.RemoveField("note", "text"),')
        notes.write("0003_no_notes", 'migrations.DeleteModel("Note"),')
        apply_all()

        done = take_back(order, steps=2)

        assert [outcome.name for outcome in done.outcomes] == ["trial.0003_no_notes", "trial.0002_no_text"]
        assert [str(entry.place) for entry in done.preview.effects.returns] == [
            "trial_note",
            "trial_note.text",
        ]
        assert rows() == before
        assert list_attic(connection=connection) == ()

    def test_goes_back_to_a_migration_over_all_apps_in_the_order_of_application(self, notes, order):
        names = applied_migrations(connection=connection)
        schema, before = read_schema(connection=connection, excluded=[ATTIC]), rows()
        kept = next(place for place in range(len(names) - 6, 0, -1) if apps(names[place + 1 :]) >= 3)

        done = take_back(order, to=names[kept])
        left = applied_migrations(connection=connection)
        apply_all()

        assert [outcome.name for outcome in done.outcomes] == names[:kept:-1]
        assert left == names[: kept + 1]
        assert read_schema(connection=connection, excluded=[ATTIC]) == schema
        assert rows() == before

    def test_goes_back_to_before_a_deploy(self, notes, order):
        notes.write("0002_extra", 'migrations.AddField("note", "extra", TextField(null=True)),')
        deploy_all(order)
        notes.write("0003_more", 'migrations.AddField("note", "more", TextField(null=True)),')
        deploy_all(order)
        newest, oldest = list_checkpoints(connection=connection)

        take_back(order, deploy="latest")
        after_the_first = applied()
        take_back(order, deploy=oldest.key)

        assert newest.migrations == ("trial.0003_more",)
        assert after_the_first == ["0001_notes", "0002_extra"]
        assert applied() == ["0001_notes"]
        with override("en"), pytest.raises(UnableToMigrate, match="--to-deploy"):
            take_back(order, deploy="latest")

    def test_is_recorded(self, notes, order):
        take_back(order)

        deploy = Deploy.objects.get()
        run = MigrationRun.objects.get(deploy=deploy)
        assert (deploy.direction, deploy.result) == (Direction.REVERT, Result.DONE)
        assert set(deploy.applied_before) - set(deploy.applied_after) == {"trial.0001_notes"}
        assert (run.migration, run.direction, run.result) == (
            "trial.0001_notes",
            Direction.REVERT,
            Result.DONE,
        )

    def test_changes_nothing_unless_somebody_agrees(self, notes, order):
        with override("en"), pytest.raises(NotConfirmed, match="Nothing was changed"):
            take_back(order, confirm=lambda preview: False)
        preview = prepare_revert(order=order, way_back=WayBack())

        assert [(str(loss.place), loss.count) for loss in preview.effects.losses] == [("trial_note", 2)]
        assert applied() == ["0001_notes"]
        assert not Deploy.objects.exists()

    def test_says_what_is_left_when_it_stopped_half_way(self, notes, order):
        notes.write("0002_stubborn", "migrations.RunSQL('SELECT 1', 'SELECT 1 / 0'),")
        notes.write("0003_extra", 'migrations.AddField("note", "extra", TextField(null=True)),')
        apply_all()

        with override("en"), pytest.raises(MigrationStopped, match=r"2 migrations are left.*--steps 2"):
            take_back(order, steps=3)

        assert applied() == ["0001_notes", "0002_stubborn"]
        assert Deploy.objects.get().result == Result.FAILED


class TestRefusal:
    def test_names_the_operation_that_cannot_be_reversed(self, notes, order):
        notes.write("0002_one_way", "migrations.RunSQL('SELECT 1'),")
        apply_all()

        with override("en"), pytest.raises(UnableToMigrate) as refused:
            take_back(order)

        assert "trial.0002_one_way cannot be taken back: Run SQL" in str(refused.value)
        assert "There is no verified backup" in str(refused.value)

    def test_counts_rows_that_would_be_without_a_value(self, notes, order):
        notes.write("0002_no_text", 'migrations.RemoveField("note", "text"),')
        apply_all()
        execute("INSERT INTO trial_note DEFAULT VALUES")

        with override("en"), pytest.raises(UnableToMigrate, match=r"(?s)1 row of \"trial_note\" .*restore"):
            take_back(order)

        assert applied() == ["0001_notes", "0002_no_text"]

    def test_counts_rows_that_would_point_at_nothing_and_says_how_to_give_them_up(self, notes, order):
        notes.write(
            "0002_line",
            """
            migrations.CreateModel(
                "Line",
                [("id", BigAutoField(primary_key=True)), ("note", ForeignKey("trial.Note", CASCADE))],
            ),
            """,
        )
        apply_all()
        execute("INSERT INTO trial_line (note_id) VALUES (1), (2)")
        notes.write("0003_no_line", 'migrations.DeleteModel("Line"),')
        apply_all()
        execute("DELETE FROM trial_note WHERE id = 2")

        with override("en"), pytest.raises(UnableToMigrate, match="1 row of trial_line") as refused:
            take_back(order)
        execute(str(refused.value).partition("owner: ")[2])
        take_back(order)

        assert execute("SELECT note_id FROM trial_line") == [(1,)]

    def test_names_what_is_newer_than_the_code(self, notes, order):
        MigrationRecorder(connection).record_applied("trial", "0009_of_later")

        with override("en"), pytest.raises(UnableToMigrate, match=r"trial.0009_of_later"):
            take_back(order)

    @pytest.mark.parametrize(
        "way_back", [{"to": "trial.0007"}, {"to": "budget"}, {"deploy": "0"}, {"deploy": "latest"}]
    )
    def test_names_the_next_command_for_what_does_not_exist(self, notes, order, way_back):
        with override("en"), pytest.raises(UnableToMigrate, match=r"→ See which there are: manage.py"):
            take_back(order, **way_back)

    def test_wants_an_approver_and_a_backup_in_production(self, notes, order, settings):
        settings.ENVIRONMENT = "production"

        with override("en"), pytest.raises(UnableToMigrate, match="--approved-by NAME"):
            take_back(order)


def apps(names):
    return len({name.partition(".")[0] for name in names})
