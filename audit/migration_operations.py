"""Operations for the migrations of every app whose changes are recorded."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunSQL

from audit.declaration import Audited
from audit.recording_sql import CREATE, DROP
from audit.schemas import fill_in


class HiddenSQL(RunSQL):
    """SQL with `{hidden}` for the schema of the functions that record, and `{tables}` for the tables'."""

    def _run_sql(self, schema_editor: BaseDatabaseSchemaEditor, sqls: Any) -> None:
        sql = fill_in(sqls, database=schema_editor.connection.settings_dict)
        super()._run_sql(schema_editor, sql)  # type: ignore[misc]


class AuditTable(HiddenSQL):
    """Record every change of a table from now on: a function for it, and the triggers that call it.

    `audited` is what its model declares at this point of the history.
    """

    def __init__(self, table: str, audited: Audited) -> None:
        super().__init__(
            function_sql(CREATE, table=table, audited=audited),
            function_sql(DROP, table=table, audited=audited),
        )
        self.table = table

    def describe(self) -> str:
        return f"Record the changes of {self.table}"


class RemoveAudit(AuditTable):
    """The opposite: before a table is dropped, or its audit is made anew as its model declares now."""

    def __init__(self, table: str, audited: Audited) -> None:
        super().__init__(table, audited)
        self.sql, self.reverse_sql = function_sql(DROP, table=table, audited=audited), self.sql

    def describe(self) -> str:
        return f"No longer record the changes of {self.table}"


def function_sql(sql: str, *, table: str, audited: Audited) -> str:
    """Return SQL of `audit.recording_sql` for one table, with the names of the schemas still to fill in."""
    values = {
        "table": table,
        "masked": _array(audited.masked),
        "derived": _array(("updated_at", *audited.derived)),
        "organization_column": audited.organization,
        "organization": _organization(audited, f"(changed_row->>'{audited.organization}')::uuid"),
        "organization_of_one": _organization(audited, f"(after->>'{audited.organization}')::uuid"),
        "organization_of_many": "scope.organization_id" if audited.through else "organization_key",
        "join_of_many": _join(audited),
        "masked_row": _masked_row(audited),
        "old_value": _masked_value(audited, row="changed_row", value="old_row->key"),
        "new_value": _masked_value(audited, row="changed_row", value="new_row->key"),
        "old_value_of_one": _masked_value(audited, row="after", value="before->key"),
        "new_value_of_one": _masked_value(audited, row="after", value="value"),
    }
    for name, value in values.items():
        sql = sql.replace(f"<{name}>", value)
    return sql


def _array(names: tuple[str, ...]) -> str:
    return "{" + ",".join(names) + "}"


def _organization(audited: Audited, key: str) -> str:
    if not audited.organization:
        return "NULL::uuid"
    if not audited.through:
        return key
    view = f"{{hidden}}.scope_of_{audited.through}"
    # One look-up for each row: a join would be planned for as many rows as the first statement had.
    return f"(SELECT scope.organization_id FROM {view} AS scope WHERE scope.id = {key})"  # noqa: S608


def _join(audited: Audited) -> str:
    if not audited.through:
        return ""
    return f"LEFT JOIN {{hidden}}.scope_of_{audited.through} AS scope ON scope.id = organization_key"


def _masked_row(audited: Audited) -> str:
    if not audited.masked:
        return "changed_row"
    stars = ", ".join(f'"{name}": "***"' for name in audited.masked)
    masked = f"changed_row || '{{{stars}}}'"
    return f"CASE WHEN changed_row ?& masked THEN {masked} ELSE {{hidden}}.masked_row(changed_row) END"


def _masked_value(audited: Audited, *, row: str, value: str) -> str:
    if not audited.masked:
        return value
    return f"CASE WHEN key = ANY (masked) OR NOT {row} ?& masked THEN '\"***\"' ELSE {value} END"
