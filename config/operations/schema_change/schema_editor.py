"""Django's schema editor, so that what it emits for a large table can be done step by step."""

from collections.abc import Collection
from typing import Any, cast

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.models import Field, Model

_LONGEST_NAME = 63  # bytes


class CollectingEditor(DatabaseSchemaEditor):
    """Collects SQL and executes nothing.

    On `large_tables` a new column is added bare, and its constraints in statements of their own, under the
    names that PostgreSQL would have given them.
    """

    def __init__(self, connection: DatabaseWrapper, *, large_tables: Collection[str] = ()) -> None:
        super().__init__(connection, collect_sql=True, atomic=False)
        self._large_tables = large_tables
        self._bare_field: Field[Any, Any] | None = None
        self.deferred_sql: list[Any] = []

    def take(self) -> tuple[str, ...]:
        """Return what was collected since the last time, with what was put off to the end."""
        for sql in self.deferred_sql:
            self.execute(sql, None)
        collected, self.collected_sql, self.deferred_sql = self.collected_sql, [], []
        return tuple(collected)

    def add_field(self, model: type[Model], field: "Field[Any, Any]") -> None:
        if model._meta.db_table not in self._large_tables or field.many_to_many:
            super().add_field(model, field)
            return
        check = field.db_parameters(connection=self.connection)["check"]
        self._bare_field = field
        self.sql_check_constraint = ""
        if self.effective_default(field) is not None or field.has_db_default():
            # Only of a column without values a foreign key costs nothing.
            self.sql_create_column_inline_fk = None  # type: ignore[assignment]
        try:
            super().add_field(model, field)
        finally:
            self._bare_field = None
            del self.sql_check_constraint
            vars(self).pop("sql_create_column_inline_fk", None)
        self._add_constraints(model, field, check)

    def _add_constraints(self, model: type[Model], field: "Field[Any, Any]", check: str | None) -> None:
        table, column = model._meta.db_table, str(field.column)
        start = f"ALTER TABLE {self.quote_name(table)} ADD CONSTRAINT"
        if check:
            name = self.quote_name(chosen_name(table, column, "check"))
            self.execute(f"{start} {name} CHECK ({check})", None)
        if field.unique and not field.primary_key:
            name = self.quote_name(chosen_name(table, column, "key"))
            self.execute(f"{start} {name} UNIQUE ({self.quote_name(column)})", None)

    def _iter_column_sql(
        self,
        column_db_type: str,
        params: Any,
        model: Any,
        field: Any,
        field_db_params: Any,
        include_default: Any,
    ) -> Any:
        parts = super()._iter_column_sql(  # type: ignore[misc]
            column_db_type, params, model, field, field_db_params, include_default
        )
        bare = field is self._bare_field
        return (part for part in parts if not (bare and part == "UNIQUE"))


class ForeseeingEditor(CollectingEditor):
    """Collects also what concerns columns that are still to be made, and names their constraints as Django
    will have named them."""

    def _constraint_names(self, model: Any, column_names: Any = None, **wanted: Any) -> list[str]:
        names: list[str] = super()._constraint_names(  # type: ignore[misc]
            model, column_names, **wanted
        )
        if names or not column_names or self._exists(model._meta.db_table, column_names):
            return names
        return [self._foreseen_name(model, column_names, wanted)]

    def _foreseen_name(self, model: Any, column_names: list[str], wanted: dict[str, Any]) -> str:
        table, django = model._meta.db_table, cast("Any", self)
        if wanted.get("unique"):
            return str(django._unique_constraint_name(table, column_names, quote=False))
        if wanted.get("check"):
            return chosen_name(table, column_names[0], "check")
        suffix = "_fk" if wanted.get("foreign_key") else ""
        return str(django._create_index_name(table, column_names, suffix=suffix))

    def _exists(self, table: str, column_names: list[str]) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_attribute"
                " WHERE attrelid = to_regclass(%s) AND attname = ANY (%s) AND NOT attisdropped",
                [self.quote_name(table), column_names],
            )
            return bool(cursor.fetchone()[0] == len(column_names))


def chosen_name(table: str, column: str, label: str) -> str:
    """Return what PostgreSQL calls a constraint without a name: table_column_label, cut where too long."""
    available = _LONGEST_NAME - len(label) - 2
    parts = [table.encode(), column.encode()]
    while sum(map(len, parts)) > available:
        longer = 0 if len(parts[0]) > len(parts[1]) else 1
        parts[longer] = parts[longer][:-1]
    return "_".join([*(part.decode(errors="ignore") for part in parts), label])
