"""Which migrations are looked at, and what is known of the database that they will meet."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils.translation import gettext as _
from django_linear_migrations.apps import first_party_app_configs

from config.migration_operations.update_in_batches import UpdateInBatches
from config.operations.models import Direction
from config.operations.schema_change.planning import Plan
from config.operations.schema_change.sizes import TableSize, read_sizes

Node = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """`migrations` follow upon `state` in this order, and `only` some of them are spoken of (all if None).

    With the `sizes` of a database they are one deploy: the code that runs meanwhile knows `state`, and tables
    that they create themselves are empty. Without, each is a deploy of its own, and every table that was
    there before it is large. `filled` are models (app, name) whose rows were changed in batches before.
    """

    migrations: tuple[Migration, ...]
    state: ProjectState
    sizes: Mapping[str, TableSize] | None = None
    only: frozenset[str] | None = None
    filled: frozenset[Node] = frozenset()


class UnknownMigration(Exception):
    """There is no app, or no migration, of that name; the message ends with the next command."""


def select_plan(*, plan: Plan, sizes: Mapping[str, TableSize]) -> Selection:
    """Select what a plan applies, whoever wrote it."""
    migrations = tuple(each.migration for each in plan.migrations if each.direction is Direction.APPLY)
    return _select_deploy(MigrationLoader(None), migrations, sizes)


def select_pending(*, connection: DatabaseWrapper) -> Selection:
    """Select what the database lacks; it is only read."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    migrations = tuple(migration for migration, _backwards in plan)
    return _of_ours(_select_deploy(executor.loader, migrations, read_sizes(connection=connection)))


def select_all() -> Selection:
    """Select every migration of this project, each as a deploy of its own to a database full of data."""
    loader = MigrationLoader(None)
    migrations = tuple(loader.get_migration(*node) for node in _in_order(loader))
    return _of_ours(Selection(migrations=migrations, state=_nothing(loader)))


def select_named(*, selection: Selection, app_label: str, name: str | None) -> Selection:
    """Narrow a selection to an app, or to one migration, of which the beginning of the name is enough."""
    names = [full_name(migration) for migration in selection.migrations]
    wanted = frozenset(
        each for each in names if each.startswith(f"{app_label}.{name}" if name else f"{app_label}.")
    )
    return replace(selection, only=wanted if selection.only is None else wanted & selection.only)


def require_known(*, app_label: str, name: str | None) -> None:
    """Raise UnknownMigration unless the project has that app, and a migration whose name begins like that."""
    graph = MigrationLoader(None).graph
    if not any(app == app_label and node.startswith(name or "") for app, node in graph.nodes):
        raise UnknownMigration(
            _("There is no migration %(name)s.\n→ To see them all: manage.py showmigrations")
            % {"name": ".".join(filter(None, (app_label, name)))}
        )


def full_name(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"


def filled_models(migration: Migration) -> Iterator[Node]:
    """Yield the models whose rows a migration changes in batches."""
    for operation in migration.operations:
        if isinstance(operation, UpdateInBatches):
            yield migration.app_label, operation.model.lower()


def _select_deploy(
    loader: MigrationLoader, migrations: tuple[Migration, ...], sizes: Mapping[str, TableSize]
) -> Selection:
    planned = [(migration.app_label, migration.name) for migration in migrations]
    later = {node for each in planned for node in loader.graph.backwards_plan(each)}
    state, filled = _nothing(loader), set[Node]()
    for node in _in_order(loader):
        if node not in later:
            earlier = loader.get_migration(*node)
            state = earlier.mutate_state(state, preserve=False)
            filled |= {*filled_models(earlier)}
    return Selection(migrations=migrations, state=state, sizes=sizes, filled=frozenset(filled))


def _in_order(loader: MigrationLoader) -> Iterable[Node]:
    graph = loader.graph
    return dict.fromkeys(node for leaf in graph.leaf_nodes() for node in graph.forwards_plan(leaf))


def _nothing(loader: MigrationLoader) -> ProjectState:
    return ProjectState(real_apps=loader.unmigrated_apps)


def _of_ours(selection: Selection) -> Selection:
    ours = {config.label for config in first_party_app_configs()}
    names = frozenset(full_name(each) for each in selection.migrations if each.app_label in ours)
    return replace(selection, only=names)
