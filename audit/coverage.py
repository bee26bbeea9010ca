"""Whether every table of ours is audited, as its model declares and by triggers that are in force."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks
from django.db import connections
from django.db.models import Model
from django.utils.translation import gettext as _

from audit.declaration import Audited
from audit.migration_operations import function_sql
from audit.recording_sql import FUNCTION, TRIGGERS
from audit.schemas import fill_in, hidden_schema
from config.env import BASE_DIR

# What keeps records of its own: of changes of rows, and of changes of the schema.
_RECORDERS = ("audit", "operations")
_APPEND_ONLY = ("append_only", "append_only_truncate")
_TRIGGERS_IN_FORCE = """
    SELECT relname, tgname FROM pg_trigger
      JOIN pg_class ON pg_class.oid = tgrelid
      JOIN pg_proc ON pg_proc.oid = tgfoid
     WHERE relnamespace = quote_ident(current_schema())::regnamespace
       AND pronamespace = to_regnamespace(quote_ident(%(hidden)s))
       AND proname IN ('record_' || relname, 'refuse_change') AND tgenabled = 'A' AND tgqual IS NULL
"""
_FUNCTIONS = """
    SELECT proname, prosrc FROM pg_proc
     WHERE pronamespace = to_regnamespace(quote_ident(%(hidden)s)) AND prosecdef
"""


def check_declarations(
    *, app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """Find models of ours that do not say how they are audited, or name columns that they have not."""
    chosen = apps.get_app_configs() if app_configs is None else app_configs
    ours = [app for app in chosen if Path(app.path).is_relative_to(BASE_DIR) and app.label not in _RECORDERS]
    models = [model for app in ours if ".venv" not in Path(app.path).parts for model in app.get_models()]
    return [message for model in models for message in _check_declaration(model)]


def _check_declaration(model: type[Model]) -> Iterator[checks.CheckMessage]:
    audited = getattr(model, "audited", None)
    if not isinstance(audited, Audited):
        yield checks.Error(
            _("Changes of this model would not be recorded."),
            hint=_("Declare “audited = Audited(…)” in the model, and add AuditTable(…) to a migration."),
            obj=model,
            id="audit.E001",
        )
        return
    columns = {field.column for field in model._meta.concrete_fields}
    named = (*audited.masked, *audited.derived, *filter(None, [audited.organization]))
    for name in named:
        if name not in columns:
            yield checks.Error(
                _("Its audit names the column “%(name)s”, which it does not have.") % {"name": name},
                hint=_("Name the column as the table does."),
                obj=model,
                id="audit.E002",
            )


def check_triggers(*, using: str) -> Iterator[checks.CheckMessage]:
    """Find tables whose changes are not recorded, or otherwise than their models declare."""
    database = connections[using].settings_dict
    names = {"hidden": hidden_schema(database=database)}
    with connections[using].cursor() as cursor:
        cursor.execute(_TRIGGERS_IN_FORCE, names)
        in_force = set(cursor.fetchall())
        cursor.execute(_FUNCTIONS, names)
        functions: dict[str, str] = dict(cursor.fetchall())
    for model in audited_models():
        sql = function_sql(FUNCTION, table=model._meta.db_table, audited=_audited(model))
        if functions.get(f"record_{model._meta.db_table}") != fill_in(sql, database=database).split("$$")[1]:
            yield _recorded_otherwise(model._meta.db_table)
    for table, name in triggers_of_the_trail():
        if (table, name) not in in_force:
            yield _not_in_force(table, name)


def triggers_of_the_trail() -> Iterator[tuple[str, str]]:
    """Yield the table and the name of each trigger that is in force for every session (ENABLE ALWAYS)."""
    yield from (("audit_trails", name) for name in _APPEND_ONLY)
    yield from ((model._meta.db_table, name) for model in audited_models() for name in TRIGGERS)


def _recorded_otherwise(table: str) -> checks.CheckMessage:
    return checks.Error(
        _("Changes of the table “%(table)s” are recorded otherwise than its model declares.")
        % {"table": table},
        hint=_("Write a migration that makes its audit anew: RemoveAudit(…), AuditTable(…)."),
        obj=table,
        id="audit.E101",
    )


def _not_in_force(table: str, name: str) -> checks.CheckMessage:
    return checks.Error(
        _("The trigger “%(name)s” of “%(table)s” is missing, or not in force for every session.")
        % {"name": name, "table": table},
        hint=_("Find out who did that; then: %(statement)s")
        % {"statement": f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"},
        obj=table,
        id="audit.E102",
    )


def audited_models() -> list[type[Model]]:
    """Return the models of every app that declare how they are audited."""
    return [model for model in apps.get_models() if isinstance(getattr(model, "audited", None), Audited)]


def _audited(model: type[Model]) -> Audited:
    declared: Audited = model.audited  # type: ignore[attr-defined]
    return declared
