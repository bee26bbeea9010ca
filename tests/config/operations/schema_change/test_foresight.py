import pytest

from config.operations.schema_change.catalogue import read_catalogue
from config.operations.schema_change.foresight import after, names_after
from config.operations.schema_change.statements import analyse
from tests.config.operations.schema_change.foretold import taken_back

pytestmark = pytest.mark.django_db


class TestAfter:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("ALTER TABLE parents RENAME TO elders", "DROP TABLE elders CASCADE"),
            ("ALTER TABLE entries RENAME TO lines", "ALTER TABLE lines DROP COLUMN parent_id CASCADE"),
            ("ALTER TABLE entries RENAME TO lines", "ALTER TABLE lines ALTER COLUMN memo TYPE varchar(30)"),
            ("ALTER TABLE entries RENAME TO lines", "DROP INDEX entries_memo"),
            ("ALTER TABLE years RENAME TO budgets", "ALTER TABLE budgets ADD COLUMN a integer"),
            ("ALTER TABLE entries RENAME COLUMN memo TO a", "ALTER TABLE entries ALTER COLUMN a TYPE text"),
            ("ALTER TABLE entries RENAME parent_id TO a", "ALTER TABLE entries DROP COLUMN a CASCADE"),
            ("ALTER TABLE parents RENAME id TO a", "ALTER TABLE parents DROP COLUMN a CASCADE"),
            (
                "ALTER TABLE entries ADD CONSTRAINT c CHECK (word IS NOT NULL)",
                "ALTER TABLE entries ALTER COLUMN word SET NOT NULL",
            ),
            (
                "ALTER TABLE entries ADD CONSTRAINT c CHECK (word IS NOT NULL) NOT VALID",
                "ALTER TABLE entries ALTER COLUMN word SET NOT NULL",
            ),
            (
                "ALTER TABLE entries DROP CONSTRAINT entries_proved",
                "ALTER TABLE entries ALTER COLUMN proved SET NOT NULL",
            ),
            (
                "ALTER TABLE entries ALTER COLUMN proved SET NOT NULL, DROP CONSTRAINT entries_proved",
                "ALTER TABLE entries ALTER COLUMN proved SET NOT NULL",
            ),
            (
                "ALTER TABLE entries ALTER COLUMN amount DROP NOT NULL",
                "ALTER TABLE entries ALTER COLUMN amount SET NOT NULL",
            ),
            (
                "ALTER TABLE entries ADD CONSTRAINT c CHECK (note <> '' AND word IS NOT NULL) NOT VALID,"
                " VALIDATE CONSTRAINT c",
                "ALTER TABLE entries ALTER COLUMN word SET NOT NULL",
            ),
            (
                "ALTER TABLE lonely ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES parents",
                "ALTER TABLE lonely DROP CONSTRAINT f",
            ),
            (
                "ALTER TABLE lonely ADD COLUMN a bigint REFERENCES parents (id)",
                "ALTER TABLE lonely DROP COLUMN a",
            ),
            ("ALTER TABLE lonely ADD COLUMN a bigint", "ALTER TABLE lonely DROP COLUMN a"),
            ("CREATE INDEX i ON lonely (name)", "DROP INDEX i"),
            ("CREATE INDEX i ON lonely (lower(name))", "ALTER TABLE lonely ALTER COLUMN id TYPE integer"),
        ],
    )
    def test_foretells_of_a_statement_what_the_server_would_say_then(
        self, foretold_database, foretold_catalogue, first, second
    ):
        foreseen = after(foretold_catalogue, analyse(first, catalogue=foretold_catalogue).actions)
        with taken_back(foretold_database) as cursor:
            cursor.execute(first)
            real = read_catalogue(connection=foretold_database)

        expected = analyse(second, catalogue=real)
        assert set(expected.locks) != set()
        assert analyse(second, catalogue=foreseen) == expected

    def test_forgets_the_type_that_a_column_had(self, foretold_catalogue):
        first = analyse("ALTER TABLE entries ALTER memo TYPE integer USING 1", catalogue=foretold_catalogue)

        second = "ALTER TABLE entries ALTER memo TYPE varchar(30)"
        foreseen = after(foretold_catalogue, first.actions)
        assert analyse(second, catalogue=foretold_catalogue).rewrites == ()
        assert analyse(second, catalogue=foreseen).rewrites == ("entries",)


class TestNamesAfter:
    def test_follows_a_table_that_is_renamed(self):
        rename = analyse("ALTER TABLE entries RENAME TO lines")
        again = analyse("ALTER TABLE lines RENAME TO rows")

        assert names_after({"entries", "other"}, [*rename.actions, *again.actions]) == {"rows", "other"}
