"""Whether the tables are there that the recorded history has made, and no others of pending migrations."""

from collections.abc import Iterator

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import CreateModel
from django.db.migrations.state import ModelState
from django.utils.translation import gettext as _

from config.operations.schema_change.preflight.remarks import Circumstances, Remark, failed

SHELL = "manage.py dbshell --database owner"

Key = tuple[str, str]


def contradictions(circumstances: Circumstances, loader: MigrationLoader) -> Iterator[Remark]:
    """Yield what is recorded without its table, and what is not recorded although its table is there."""
    if circumstances.is_interrupted:
        return
    tables = set(circumstances.connection.introspection.table_names())
    applied = [key for key in loader.applied_migrations if key in loader.graph.nodes]
    models = loader.project_state(applied, at_end=True).models
    for key, maker in sorted(_makers(loader).items()):
        if maker in loader.applied_migrations and key in models and _is_table(models[key]):
            yield from _lost_table(maker, _table(models[key]), tables)
    for key in sorted(set(loader.graph.nodes) - set(loader.applied_migrations)):
        yield from _half_recorded(key, loader, tables)


def _lost_table(maker: Key, table: str, tables: set[str]) -> Iterator[Remark]:
    if table not in tables:
        facts = {"migration": ".".join(maker), "table": table, "shell": SHELL, "statement": deletion(*maker)}
        yield failed(
            _("%(migration)s is recorded as applied, but its table %(table)s is not there.") % facts,
            _("If it never ran: %(shell)s, %(statement)s If the table was dropped: manage.py restore latest")
            % facts,
        )


def _half_recorded(key: Key, loader: MigrationLoader, tables: set[str]) -> Iterator[Remark]:
    for operation in loader.graph.nodes[key].operations:
        table = _table_made(key[0], operation)
        if table in tables:
            facts = {"migration": ".".join(key), "table": table}
            yield failed(
                _("%(migration)s is not recorded, but its table %(table)s is there.") % facts,
                _("If all that it makes is there, record it: %(command)s")
                % {"command": f"manage.py migrate --without-safety --fake {key[0]} {key[1]}"},
            )


def _makers(loader: MigrationLoader) -> dict[Key, Key]:
    """Return model → the migration that creates it."""
    return {
        (key[0], operation.name_lower): key
        for key, migration in loader.graph.nodes.items()
        if migration is not None
        for operation in migration.operations
        if isinstance(operation, CreateModel)
    }


def _is_table(model: ModelState) -> bool:
    swappable = model.options.get("swappable")
    is_swapped = swappable and getattr(settings, swappable).lower() != f"{model.app_label}.{model.name_lower}"
    return bool(model.options.get("managed", True)) and not model.options.get("proxy") and not is_swapped


def _table(model: ModelState) -> str:
    return str(model.options.get("db_table") or f"{model.app_label}_{model.name_lower}")


def _table_made(app: str, operation: object) -> str | None:
    if not isinstance(operation, CreateModel):
        return None
    state = ModelState(app, operation.name, [], options=operation.options)
    return _table(state) if _is_table(state) else None


def insertion(app: str, name: str) -> str:
    values = f"('{app}', '{name}', now())"
    return f"INSERT INTO django_migrations (app, name, applied) VALUES {values};"  # noqa: S608 - to be shown


def deletion(app: str, name: str) -> str:
    return f"DELETE FROM django_migrations WHERE app = '{app}' AND name = '{name}';"  # noqa: S608 - to be shown
