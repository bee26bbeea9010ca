"""The trigger that keeps two columns of a table in step, whichever of them is written."""

import json
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import truncate_name

from config.migration_operations.conversion import PLACEHOLDER
from config.migration_operations.statement_parts import LONGEST_NAME, literal, quoted

_COPYING = "parish_budget.copying"
# Of the triggers of one moment the last in the alphabet has the last word.
STEP_PREFIX = "zz_in_step_"

# What the other column cannot hold leaves it empty: nobody's work may fail because of a column that is on its
# way in or out. The copy is no change of the row, so what other triggers made of it, such as a new time of
# change, is undone; there an error is passed on.
_FUNCTION = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $in_step$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF current_setting({setting}, true) = TG_NAME THEN
            NEW := OLD;
            NEW.{other} := {to_other};
            RETURN NEW;
        ELSIF NEW.{column} IS NOT DISTINCT FROM OLD.{column} AND NEW.{other} IS DISTINCT FROM OLD.{other} THEN
            NEW.{column} := {to_column};
            RETURN NEW;
        END IF;
    ELSIF NEW.{column} IS NULL AND NEW.{other} IS NOT NULL THEN
        NEW.{column} := {to_column};
        RETURN NEW;
    END IF;
    BEGIN
        NEW.{other} := {to_other};
    EXCEPTION WHEN OTHERS THEN
        NEW.{other} := NULL;
    END;
    RETURN NEW;
END
$in_step$
"""
_TRIGGER = "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"


@dataclass(frozen=True, kw_only=True)
class StepTrigger:
    """Keeps `other` in step with `column`.

    `to_other` and `to_column` are SQL expressions in which {column} stands for the one that is converted.
    """

    table: str
    base: str  # The column that code knows, for the name.
    column: str
    other: str
    to_other: str
    to_column: str

    @property
    def name(self) -> str:
        return _name(self.table, self.base)

    def create(self) -> tuple[str, ...]:
        """Return the statements that make the trigger, which is not there yet."""
        trigger = _TRIGGER.format(name=quoted(self.name), table=quoted(self.table))
        return (self._function(), trigger, self._comment())

    def replace(self) -> tuple[str, ...]:
        """Return the statements that change which columns the trigger is about."""
        return (self._function(), self._comment())

    def drop(self) -> tuple[str, ...]:
        return drop_trigger(table=self.table, column=self.base)

    def prepare_copy(self, connection: BaseDatabaseWrapper) -> None:
        """Make every update of the open transaction one that only fills `other`."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, %s, true)", [_COPYING, self.name])

    def _function(self) -> str:
        column, other = quoted(self.column), quoted(self.other)
        return _FUNCTION.format(
            name=quoted(self.name),
            setting=literal(_COPYING),
            column=column,
            other=other,
            to_other=self.to_other.replace(PLACEHOLDER, f"NEW.{column}"),
            to_column=self.to_column.replace(PLACEHOLDER, f"NEW.{other}"),
        )

    def _comment(self) -> str:
        facts = json.dumps({"column": self.column, "in_step": self.other})
        return f"COMMENT ON TRIGGER {quoted(self.name)} ON {quoted(self.table)} IS {literal(facts)}"


def drop_trigger(*, table: str, column: str) -> tuple[str, ...]:
    """Return the statements that drop the trigger of the column, if there is one."""
    name = quoted(_name(table, column))
    return (f"DROP TRIGGER IF EXISTS {name} ON {quoted(table)}", f"DROP FUNCTION IF EXISTS {name}()")


def _name(table: str, column: str) -> str:
    return truncate_name(f"{STEP_PREFIX}{table}_{column}", LONGEST_NAME)
