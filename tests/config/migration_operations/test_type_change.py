"""Tables of every size are large here, unless a test says otherwise."""

import pytest
from django.db import connection, models

from config.migration_operations import table_size
from config.migration_operations.change_type import ChangeTypeOnline
from config.migration_operations.conversion import ValuesNotConverted
from config.migration_operations.failures import NeedsOwnTransactions
from config.migration_operations.guard import Patience, PatienceEnded, patience_of_migration
from config.migration_operations.surroundings import surrounded_by
from config.migration_operations.type_change import ColumnInUse, NotATypeChange
from tests.config.migration_operations.conftest import (
    Interruption,
    forwards,
    query,
    surrounded,
)
from tests.config.migration_operations.parcels import WIDEN, definitions, parcel_of, type_of, weights

pytestmark = pytest.mark.usefixtures("calm", "english", "small_batches", "large")


class TestSmallTables:
    def test_are_changed_at_once_and_keep_nothing(self, parcels, small):
        points = Interruption()

        with surrounded_by(surrounded(observe=points)):
            forwards(WIDEN, parcels)

        assert (type_of(), type_of("weight__old"), points.points) == ("bigint", None, [])

    def test_are_left_as_they_were_by_values_that_do_not_convert(self, table, small):
        state = parcel_of(table, models.TextField(), "1", "two", "3")
        before = definitions()

        with pytest.raises(ValuesNotConverted, match=r"weight .* do not become integer: 1 \(2\)"):
            forwards(ChangeTypeOnline("Parcel", "weight", models.IntegerField()), state)

        assert definitions() == before

    def test_show_the_true_statement(self, parcels, small):
        with connection.schema_editor(collect_sql=True) as editor:
            state = parcels.clone()
            WIDEN.state_forwards("budget", state)
            WIDEN.database_forwards("budget", editor, parcels, state)

        assert editor.collected_sql == [
            'ALTER TABLE "budget_parcel" ALTER COLUMN "weight" TYPE bigint USING (("weight")::bigint );'
        ]


class TestLargeTables:
    def test_are_changed_at_once_where_no_row_has_to_be_read(self, table):
        state = parcel_of(table, models.CharField(max_length=5), "a")

        forwards(ChangeTypeOnline("Parcel", "weight", models.CharField(max_length=9)), state)

        assert (type_of(), type_of("weight__old")) == ("character varying(9)", None)

    def test_show_a_comment(self, parcels):
        with connection.schema_editor(collect_sql=True) as editor:
            state = parcels.clone()
            WIDEN.state_forwards("budget", state)
            WIDEN.database_forwards("budget", editor, parcels, state)

        [comment] = editor.collected_sql
        assert comment.startswith("-- Online: budget_parcel.weight becomes bigint")


class TestRefusal:
    @pytest.mark.parametrize("moment", ["before", "meanwhile"])
    def test_names_the_rows_that_do_not_convert_and_leaves_the_table_as_it_was(self, table, sessions, moment):
        state = parcel_of(table, models.TextField(), *"1234567")
        before = definitions()
        writer = sessions.open("old release", autocommit=True)

        def write(point):
            if point == "batch" and not connection.in_atomic_block:
                writer.execute("UPDATE budget_parcel SET weight = 'two' WHERE id = 2")

        if moment == "before":
            query("UPDATE budget_parcel SET weight = 'two' WHERE id = 2")
        with (
            surrounded_by(surrounded(observe=write)),
            pytest.raises(ValuesNotConverted, match=r"weight .* do not become integer: 1 \(2\)"),
        ):
            forwards(ChangeTypeOnline("Parcel", "weight", models.IntegerField()), state)

        assert definitions() == before
        assert weights()[1] == "two"

    @pytest.mark.parametrize("size", ["small", "large"])
    def test_does_not_cut_text_off(self, table, monkeypatch, size):
        if size == "small":
            monkeypatch.setattr(table_size, "LARGE_BYTES", 64 * 1024**2)
        state = parcel_of(table, models.TextField(), "abcd")

        with pytest.raises(ValuesNotConverted, match=r"become varchar\(3\): 1"):
            forwards(ChangeTypeOnline("Parcel", "weight", models.CharField(max_length=3)), state)

        assert weights() == ["abcd"]

    def test_names_the_constraint_that_converted_values_violate(self, table):
        state = parcel_of(table, models.FloatField(unique=True), 1.1, 1.2)
        before = definitions()

        with pytest.raises(ValuesNotConverted, match=r"violate budget_parcel_weight_key"):
            forwards(ChangeTypeOnline("Parcel", "weight", models.IntegerField(unique=True)), state)

        assert definitions() == before

    def test_of_one_transaction(self, parcels):
        with pytest.raises(NeedsOwnTransactions, match="atomic = False"):
            forwards(WIDEN, parcels, atomic=True)

    def test_of_fields_that_differ_in_more_than_the_type(self, parcels):
        with pytest.raises(NotATypeChange, match="null, db_index"):
            forwards(ChangeTypeOnline("Parcel", "weight", models.BigIntegerField(null=True)), parcels)

    @pytest.mark.parametrize(
        ("user", "removal"),
        [
            ("CREATE VIEW heavy AS SELECT weight FROM budget_parcel", "DROP VIEW heavy"),
            (
                "CREATE TRIGGER light BEFORE UPDATE OF weight ON budget_parcel FOR EACH ROW"
                " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                "DROP TRIGGER light ON budget_parcel",
            ),
            (
                "ALTER TABLE budget_parcel ADD COLUMN twice integer GENERATED ALWAYS AS (weight * 2) STORED",
                "ALTER TABLE budget_parcel DROP COLUMN twice",
            ),
        ],
        ids=["view", "trigger", "generated column"],
    )
    def test_of_a_column_that_something_else_uses(self, parcels, user, removal):
        query(user)
        before = definitions()
        try:
            with pytest.raises(ColumnInUse, match="it is used by"):
                forwards(WIDEN, parcels)

            assert definitions() == before
        finally:
            query(removal)

    def test_of_a_second_change_before_the_first_is_finished(self, parcels):
        state = forwards(WIDEN, parcels)
        narrow = ChangeTypeOnline("Parcel", "weight", models.SmallIntegerField(db_index=True, db_default=5))

        with pytest.raises(ColumnInUse, match="FinishTypeChange"):
            forwards(narrow, state)

    def test_to_wait_forever_keeps_what_is_done(self, parcels, sessions):
        reader = sessions.open("report")
        points = Interruption()

        def hold(point):
            points(point)
            if point == "analyse" and not connection.in_atomic_block:
                reader.execute("SELECT FROM budget_parcel")

        with (
            surrounded_by(surrounded(observe=hold)),
            patience_of_migration(Patience(seconds=0)),
            pytest.raises(PatienceEnded),
        ):
            forwards(WIDEN, parcels)
        assert type_of() == "integer"
        reader.rollback()
        again = Interruption()
        with surrounded_by(surrounded(observe=again)):
            forwards(WIDEN, parcels)

        assert type_of() == "bigint"
        assert again.points == ["exchange"] * 2
