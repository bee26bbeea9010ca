"""One change of a column's type in one direction: what it needs, and the way that the size allows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from django.db import DatabaseError, OperationalError, models
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED
from django.utils.translation import gettext as _

from config.migration_operations.batches import Rows
from config.migration_operations.blockers import ACCESS_EXCLUSIVE
from config.migration_operations.column_exchange import FIELD, Exchange
from config.migration_operations.column_objects import ColumnObject, Kind, find_obstacles
from config.migration_operations.conversion import PLACEHOLDER, collate, conversion, find_unconverted
from config.migration_operations.failures import OperationFailed, require_own_transactions
from config.migration_operations.guard import run_guarded
from config.migration_operations.online_table import OnlineTable
from config.migration_operations.replacement import Replacement, name_of_kept, name_of_new
from config.migration_operations.statement_parts import quoted
from config.migration_operations.table_size import is_large
from config.migration_operations.type_effect import has_type, reads_all_rows

Field: TypeAlias = "models.Field[Any, Any]"

_DEFAULT = """
    SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
    JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
    WHERE adrelid = to_regclass(%s) AND attname = %s
"""


class NotATypeChange(OperationFailed):
    """The fields differ in something else than their type; the message says in what."""


class ColumnInUse(OperationFailed):
    """Something depends on the column that cannot be moved to another; the message says what."""


@dataclass(frozen=True, kw_only=True)
class TypeChange:
    """From the field of one state to that of the next; `keeps` says that the old column stays in step."""

    schema_editor: Any  # The stubs of Django's own leave out most of it.
    app_label: str
    model_name: str
    name: str
    from_state: ProjectState
    to_state: ProjectState
    using: str
    back: str
    keeps: bool

    def run(self) -> None:
        self._require_nothing_else()
        if self.schema_editor.collect_sql:
            self._show()
            return
        require_own_transactions(self._connection, operation="ChangeTypeOnline")
        if has_type(
            self._connection, table=self._table.name, column=self._column, definition=self._definition
        ):
            return
        if self._has_begun or (self._is_large and (self._builds_like_index or self._reads_all_rows)):
            self._change_online()
        else:
            self._change_at_once()

    @cached_property
    def _from_field(self) -> Field:
        return self._model(self.from_state)._meta.get_field(self.name)  # type: ignore[return-value]

    @cached_property
    def _to_field(self) -> Field:
        return self._model(self.to_state)._meta.get_field(self.name)  # type: ignore[return-value]

    def _model(self, state: ProjectState) -> type[models.Model]:
        return state.apps.get_model(self.app_label, self.model_name)

    @property
    def _connection(self) -> Any:
        return self.schema_editor.connection

    @cached_property
    def _table(self) -> OnlineTable:
        return OnlineTable(self._connection, self._model(self.from_state)._meta.db_table)

    @property
    def _column(self) -> str:
        return str(self._to_field.column)

    @property
    def _kept(self) -> str:
        return name_of_kept(self._column)

    @property
    def _new(self) -> str:
        return name_of_new(self._column)

    @property
    def _type(self) -> str:
        return self._type_of(self._to_field)

    @property
    def _to_new(self) -> str:
        return self._conversion(self._from_field, self._to_field, self.using)

    @property
    def _to_old(self) -> str:
        return self._conversion(self._to_field, self._from_field, self.back)

    def _conversion(self, source: Field, target: Field, using: str) -> str:
        return conversion(
            old_type=self._type_of(source),
            new_type=self._type_of(target),
            collation=self._collation(target),
            using=using,
        )

    @property
    def _definition(self) -> str:
        return f"{self._type} {collate(self._collation(self._to_field))}"

    def _type_of(self, field: Field) -> str:
        return str(field.db_parameters(connection=self._connection)["type"])

    def _collation(self, field: Field) -> str:
        return str(field.db_parameters(connection=self._connection).get("collation") or "")

    def _require_nothing_else(self) -> None:
        differing = [
            name
            for name in ("column", "null", "primary_key", "unique", "db_index", "is_relation")
            if getattr(self._from_field, name) != getattr(self._to_field, name)
        ]
        if bool(self._check_of(self._from_field)) != bool(self._check_of(self._to_field)):
            differing.append("check")
        if differing or self._type == self._type_of(self._from_field):
            raise NotATypeChange(
                _(
                    "ChangeTypeOnline of %(field)s changes nothing but the type, but the fields differ in: "
                    "%(differing)s.\n→ Write everything else as an AlterField of its own."
                )
                % {"field": f"{self.model_name}.{self.name}", "differing": ", ".join(differing) or "-"}
            )

    def _check_of(self, field: Field) -> Any:
        return field.db_parameters(connection=self._connection)["check"]

    @property
    def _is_large(self) -> bool:
        return is_large(self._connection, self._table.name)

    @property
    def _has_begun(self) -> bool:
        """Say whether this change was interrupted, or is to take back one that was made online."""
        kept_before = self._table.has_column(self._kept)
        if kept_before and self.keeps:
            raise ColumnInUse(
                _(
                    "An earlier change of the type of %(column)s in the table %(table)s is not finished.\n"
                    "→ Add FinishTypeChange for it in an earlier migration."
                )
                % {"column": self._column, "table": self._table.name}
            )
        return kept_before or self._table.has_column(self._new)

    @property
    def _reads_all_rows(self) -> bool:
        return reads_all_rows(
            self._connection,
            table=self._table.name,
            column=self._column,
            besides=(self._kept, self._new),
            definition=self._definition,
            expression=self._to_new,
        )

    @property
    def _builds_like_index(self) -> bool:
        """Say whether Django would drop the index for LIKE, and build another."""
        outdated = self.schema_editor._is_changing_type_of_indexed_text_column
        return bool(outdated(self._from_field, self._type_of(self._from_field), self._type))

    def _show(self) -> None:
        if self._is_large:
            sentence = f"-- Online: {self._table.name}.{self._column} becomes {self._type}"
            self.schema_editor.collected_sql.append(f"{sentence}, by a second column, a trigger and batches")
        else:
            self._alter()

    def _alter(self) -> None:
        using = self._to_new.replace(PLACEHOLDER, quoted(self._column)).replace(
            "%", "%%%%"
        )  # Two take them off.
        self.schema_editor._using_sql = lambda *fields: f" USING {using}"
        try:
            self.schema_editor.alter_field(self._model(self.from_state), self._from_field, self._to_field)
        finally:
            del self.schema_editor._using_sql

    def _change_at_once(self) -> None:
        try:
            run_guarded(self._alter, connection=self._connection, locks={self._table.name: ACCESS_EXCLUSIVE})
        except DatabaseError as error:
            if isinstance(error, OperationalError):
                raise
            found = find_unconverted(
                self._connection,
                table=self._table.name,
                key=self._key,
                column=self._column,
                new_type=self._type,
                expression=self._to_new,
            )
            if found.count:
                raise found.refusal() from None  # The server's own words may contain the value.
            raise

    def _change_online(self) -> None:
        obstacles = find_obstacles(self._connection, table=self._table.name, column=self._column)
        if obstacles:
            raise ColumnInUse(
                _(
                    "The type of %(column)s in the large table %(table)s cannot be changed online, because "
                    "it is used by: %(obstacles)s.\n"
                    "→ Drop these in an earlier migration, and make them again in a later one."
                )
                % {
                    "column": self._column,
                    "table": self._table.name,
                    "obstacles": "; ".join(obstacles),
                }
            )
        self._exchange().run()

    def _exchange(self) -> Exchange:
        other = self._kept if not self.keeps and self._table.has_column(self._kept) else self._new
        replacement = Replacement(
            table=self._table.name,
            column=self._column,
            other=other,
            kept=self._kept if self.keeps else "",
            type=self._type,
            collation=self._collation(self._to_field),
            to_other=self._to_new,
            to_column=self._to_old,
            not_null=not self._to_field.null,
            default=self._default(),
            comment=self._to_field.db_comment or "",
            is_in_step=other == self._kept,
        )
        direction = "APPLY" if self.keeps else "REVERT"
        return Exchange(
            table=self._table,
            replacement=replacement,
            rows=self._rows(other),
            step=f"{self.app_label}.{self.model_name}.{self.name}/{direction}",
            left_out=frozenset(self._outdated_index_names()),
            further=tuple(self._like_index(other)),
        )

    @property
    def _key(self) -> str:
        return str(self._model(self.from_state)._meta.pk.column)

    def _rows(self, other: str) -> Rows:
        """Return all rows of a model that knows the other column."""
        state = self.from_state.clone()
        field = self._to_field.clone()
        field.db_column = other
        state.add_field(self.app_label, self.model_name.lower(), FIELD, field, preserve_default=True)
        return self._model(state)._base_manager.using(self._connection.alias).all()

    def _default(self) -> str:
        """Return the default of the state, or one that no state knows of, as SQL."""
        if self._to_field.db_default is not NOT_PROVIDED:
            sql, parameters = self.schema_editor.db_default_sql(self._to_field)
            return str(self._connection.ops.compose_sql(sql, parameters))
        if self._from_field.db_default is not NOT_PROVIDED:
            return ""
        with self._connection.cursor() as cursor:
            cursor.execute(_DEFAULT, [quoted(self._table.name), self._column])
            row = cursor.fetchone()
        return row[0] if row else ""

    def _outdated_index_names(self) -> Iterator[str]:
        if self._builds_like_index:
            yield self.schema_editor._create_index_name(self._table.name, [self._column], suffix="_like")

    def _like_index(self, other: str) -> Iterator[ColumnObject]:
        model = self._model(self.to_state)
        if self._builds_like_index and self.schema_editor._create_like_index_sql(model, self._to_field):
            kind = "varchar" if self._type.startswith("varchar") else "text"
            (name,) = self._outdated_index_names()
            yield ColumnObject(
                kind=Kind.INDEX, name=name, definition=f"btree ({quoted(other)} {kind}_pattern_ops)"
            )
