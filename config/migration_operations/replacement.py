"""The statements by which one column of a table takes the place of another. Nothing is executed here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.backends.utils import truncate_name

from config.migration_operations.column_objects import ColumnObject, Kind
from config.migration_operations.conversion import PLACEHOLDER, collate
from config.migration_operations.statement_parts import LONGEST_NAME, literal, quoted
from config.migration_operations.step_trigger import StepTrigger

OLD_ENDING = "__old"


def name_of_new(column: str) -> str:
    return truncate_name(f"{column}__new", LONGEST_NAME)


def name_of_kept(column: str) -> str:
    return truncate_name(column + OLD_ENDING, LONGEST_NAME)


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """`other` takes the name of `column`, which is dropped then, or kept in step under the name `kept`.

    `type` is that of `other`; `default` is SQL, or empty. `to_other` and `to_column` convert {column}.
    `is_in_step` says that `other` and the trigger have been there before.
    """

    table: str
    column: str
    other: str
    kept: str
    type: str
    to_other: str
    to_column: str
    not_null: bool
    collation: str = ""
    default: str = ""
    comment: str = ""
    is_in_step: bool = False

    @property
    def converted(self) -> str:
        return self.to_other.replace(PLACEHOLDER, quoted(self.column))

    @property
    def trigger(self) -> StepTrigger:
        return StepTrigger(
            table=self.table,
            base=self.column,
            column=self.column,
            other=self.other,
            to_other=self.to_other,
            to_column=self.to_column,
        )

    @property
    def checks(self) -> Mapping[str, str]:
        """Return what must be true of every row before the columns change places, by constraint."""
        checks = {
            self._name("in_step"): f"CHECK ({quoted(self.other)} IS NOT DISTINCT FROM {self.converted})"
        }
        if self.not_null:
            checks[self._name("not_null")] = f"CHECK ({quoted(self.other)} IS NOT NULL)"
        return checks

    def add(self) -> Iterator[str]:
        yield self._alter(f"ADD COLUMN {quoted(self.other)} {self.type} {collate(self.collation)}")
        yield from self.trigger.create()

    def exchange(self, *, old: Iterable[ColumnObject], new: Iterable[ColumnObject]) -> Iterator[str]:
        """Yield what drops the `old` objects, lets the `new` ones take their names, and the column too."""
        yield from (_drop(self.table, each) for each in old)
        yield from self._settle()
        yield from self._retire()
        yield self._alter(f"RENAME {quoted(self.other)} TO {quoted(self.column)}")
        comment = literal(self.comment) if self.comment else "NULL"
        yield f"COMMENT ON COLUMN {self._path(self.column)} IS {comment}"
        yield from (_rename(self.table, each) for each in new)

    def undo(self, new: Iterable[ColumnObject]) -> Iterator[str]:
        """Yield what leaves the table as it was before."""
        if not self.is_in_step:
            yield from self.trigger.drop()
            yield self._alter(f"DROP COLUMN IF EXISTS {quoted(self.other)}")
        for name in self.checks:
            yield self._alter(f"DROP CONSTRAINT IF EXISTS {quoted(name)}")
        for each in new:
            if each.is_index:
                yield f"DROP INDEX IF EXISTS {quoted(each.temporary_name)}"
            else:
                yield self._alter(f"DROP CONSTRAINT IF EXISTS {quoted(each.temporary_name)}")

    def _settle(self) -> Iterator[str]:
        """Make the other column what the old one was; the check spares the server a look at every row."""
        if self.not_null:
            yield self._alter(f"ALTER COLUMN {quoted(self.other)} SET NOT NULL")
        for name in self.checks:
            yield self._alter(f"DROP CONSTRAINT {quoted(name)}")
        if self.default:
            yield self._alter(f"ALTER COLUMN {quoted(self.other)} SET DEFAULT {self.default}")

    def _retire(self) -> Iterator[str]:
        if not self.kept:
            yield from self.trigger.drop()
            yield self._alter(f"DROP COLUMN {quoted(self.column)}")
            return
        column = quoted(self.column)
        yield self._alter(f"ALTER COLUMN {column} DROP NOT NULL, ALTER COLUMN {column} DROP DEFAULT")
        yield self._alter(f"RENAME {column} TO {quoted(self.kept)}")
        comment = f"{self.column} before the change of its type, in step until FinishTypeChange"
        yield f"COMMENT ON COLUMN {self._path(self.kept)} IS {literal(comment)}"
        yield from StepTrigger(
            table=self.table,
            base=self.column,
            column=self.column,
            other=self.kept,
            to_other=self.to_column,
            to_column=self.to_other,
        ).replace()

    def _alter(self, action: str) -> str:
        return f"ALTER TABLE {quoted(self.table)} {action}"

    def _path(self, column: str) -> str:
        return f"{quoted(self.table)}.{quoted(column)}"

    def _name(self, part: str) -> str:
        return truncate_name(f"{self.table}_{self.column}__{part}", LONGEST_NAME)


def _drop(table: str, each: ColumnObject) -> str:
    if each.kind is Kind.INDEX:
        return f"DROP INDEX {quoted(each.name)}"
    return f"ALTER TABLE {quoted(table)} DROP CONSTRAINT {quoted(each.name)}"


def _rename(table: str, each: ColumnObject) -> str:
    name, temporary = quoted(each.name), quoted(each.temporary_name)
    if each.kind is Kind.INDEX:
        return f"ALTER INDEX {temporary} RENAME TO {name}"
    alter = f"ALTER TABLE {quoted(table)}"
    if each.kind is Kind.UNIQUE:
        return f"{alter} ADD CONSTRAINT {name} UNIQUE USING INDEX {temporary}{each.deferrable}"
    return f"{alter} RENAME CONSTRAINT {temporary} TO {name}"
