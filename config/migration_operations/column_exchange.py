"""One column takes the place of another of the same table while everybody goes on reading and writing it.

The new column is added with a trigger that keeps both in step, filled in batches, checked by the server
itself, given whatever hangs on the old one, and renamed at last. Each step looks in the catalogue whether it
has been done, so that after a kill at any moment the same call finishes the work.
"""

from dataclasses import asdict, dataclass
from functools import cached_property, partial

from django.db import DatabaseError, OperationalError
from django.db.models import BooleanField, F
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from config.migration_operations import unfinished
from config.migration_operations.batches import Rows, RowsLeft, Work, change_in_batches
from config.migration_operations.column_objects import ColumnObject, read_column_objects
from config.migration_operations.conversion import ValuesNotConverted, find_unconverted
from config.migration_operations.online_table import OnlineTable
from config.migration_operations.replacement import Replacement
from config.migration_operations.statement_parts import quoted
from config.migration_operations.surroundings import surroundings

FIELD = "zz_in_step"  # What the model of the rows calls the column that is filled.


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Of what hangs on the old column, indexes that are `left_out` are not built again; `further` are built.

    `rows` are those of a model that has the new column as FIELD.
    """

    table: OnlineTable
    replacement: Replacement
    rows: Rows
    step: str
    left_out: frozenset[str] = frozenset()
    further: tuple[ColumnObject, ...] = ()

    def run(self) -> None:
        """Raises ValuesNotConverted, and leaves the table as it was then."""
        if not self.table.has_column(self.replacement.other):
            self.table.change("add the column", self.replacement.add())
        try:
            self._fill()
            self._check()
            self._build()
        except (DatabaseError, RowsLeft) as error:
            if not isinstance(error, OperationalError):
                self._give_up_for_values(error)
            raise
        self._say(_("Exchanging the columns of %(table)s"))
        self.table.change(
            "exchange",
            self.replacement.exchange(old=self._old, new=self._new),
            besides=[each.refers_to for each in self._old if each.refers_to],
            finish=self._forget,
        )

    @cached_property
    def _old(self) -> tuple[ColumnObject, ...]:
        return read_column_objects(
            self.table.connection,
            table=self.table.name,
            column=self.replacement.column,
            other=self.replacement.other,
        )

    @property
    def _new(self) -> tuple[ColumnObject, ...]:
        return (*(each for each in self._old if each.name not in self.left_out), *self.further)

    def _say(self, sentence: str) -> None:
        surroundings().progress.step(sentence % {"table": self.table.name})

    def _fill(self) -> None:
        connection, trigger = self.table.connection, self.replacement.trigger
        if self._is_remembered("copied"):
            return
        needing = f"{quoted(trigger.other)} IS DISTINCT FROM {self.replacement.converted}"
        change_in_batches(
            connection=connection,
            work=Work(
                step=self._copy_step,
                sentence=_("Copying %(column)s of %(table)s")
                % {"column": trigger.column, "table": trigger.table},
                rows=self.rows,
                needing=_condition(needing),
                change=lambda rows: rows.update(**{FIELD: F(FIELD)}),  # The trigger does it.
                walks_all=not self.replacement.is_in_step,
                prepare=partial(trigger.prepare_copy, connection),
            ),
        )
        self._remember("copied")

    @property
    def _copy_step(self) -> str:
        return f"{self.step}/COPY"

    def _check(self) -> None:
        """Let the server compare all rows, and refuse from now on what would make them differ."""
        self._say(_("Comparing the columns of %(table)s"))
        for name, definition in self.replacement.checks.items():
            self.table.add_constraint(name, definition)
        for name in self.replacement.checks:
            self.table.validate(name)

    def _build(self) -> None:
        """Make on the new column, under names of their own, whatever hangs on the old one."""
        self._say(_("Building the indexes and constraints of %(table)s"))
        for each in self._new:
            if each.is_index:
                self.table.build_index(each.temporary_name, each.definition, is_unique=each.is_unique)
            else:
                refers_to = [each.refers_to] if each.refers_to else []
                self.table.add_constraint(each.temporary_name, each.definition, refers_to=refers_to)
                if each.is_valid:
                    self.table.validate(each.temporary_name)
        # Without statistics of the new column, the first queries after the exchange might be slow.
        if not self._is_remembered("analysed"):
            self.table.analyse(finish=partial(self._remember, "copied", "analysed"))

    def _give_up_for_values(self, error: DatabaseError | RowsLeft) -> None:
        """Leave the table as it was, and raise ValuesNotConverted if it is the values that forbid it."""
        replacement = self.replacement
        found = find_unconverted(
            self.table.connection,
            table=replacement.table,
            key=str(self.rows.model._meta.pk.column),
            column=replacement.column,
            new_type=replacement.type,
            expression=replacement.to_other,
        )
        if isinstance(error, RowsLeft) and not found.count:
            return
        self.table.change("undo", replacement.undo(self._new), finish=self._forget)
        # Not from the server's error: its words may contain the value.
        if found.count:
            raise found.refusal() from None
        if constraint := self._violated(error):
            raise ValuesNotConverted(
                _(
                    "As %(new_type)s, values of %(column)s in the table %(table)s violate %(constraint)s. "
                    "Nothing was changed.\n"
                    "→ Correct these rows, or convert them with `using`; then repeat the command."
                )
                % {**asdict(found), "constraint": constraint}
            ) from None

    def _violated(self, error: Exception) -> str:
        """Return the name of the index or constraint that forbids it, as everybody knows it."""
        diagnosis = getattr(error.__cause__, "diag", None)
        name = (diagnosis and diagnosis.constraint_name) or ""
        return next((each.name for each in self._new if each.temporary_name == name), name)

    def _is_remembered(self, part: str) -> bool:
        return part in (unfinished.load(self.table.connection, self.step) or {}).get("done", [])

    def _remember(self, *parts: str) -> None:
        unfinished.save(self.table.connection, self.step, {"done": parts})

    def _forget(self) -> None:
        unfinished.forget(self.table.connection, self._copy_step)
        unfinished.forget(self.table.connection, self.step)


def _condition(sql: str) -> RawSQL:
    # What the developer wrote in the migration is as trustworthy as the migration.
    return RawSQL(sql.replace("%", "%%"), (), output_field=BooleanField())  # noqa: S611
