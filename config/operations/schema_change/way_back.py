"""Which migrations are to be taken back: the newest few, those after a certain one, or those of a deploy."""

import datetime
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from django.db import DatabaseError
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from config.operations.models import Deploy, Direction
from config.operations.schema_change.planning import Plan, read_plan
from config.operations.schema_change.runs import applied_migrations

LATEST = "latest"
_EXISTS = "SELECT to_regclass(%s) IS NOT NULL"

Node = tuple[str, str]


class NoWayBack(Exception):
    """What was asked for cannot be meant; the message says why, and what to type."""


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """One of three: so many of the newest, all after the migration `to`, or all since the deploy began.

    A deploy is the beginning of its key, or `latest`: the last one of which anything is left to take back.
    """

    steps: int = 1
    to: str = ""
    deploy: str = ""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A recorded deploy; `migrations` are those of it that are applied now, the oldest first."""

    key: str
    started_at: datetime.datetime
    operator: str
    result: str
    before: frozenset[str]
    migrations: tuple[str, ...]


def plan_way_back(*, connection: DatabaseWrapper, way_back: WayBack) -> Plan:
    """Return the plan in the reverse order of application, over all apps. Raises NoWayBack."""
    applied = applied_migrations(connection=connection)
    names = _names(connection, applied, way_back)
    graph = MigrationLoader(connection).graph
    plan = read_plan(connection=connection, targets=list(_targets(graph, applied, names)))
    order = {name: position for position, name in enumerate(applied)}
    ordered = sorted(plan.migrations, key=lambda each: order.get(each.name, -1), reverse=True)
    return replace(plan, migrations=tuple(ordered))


def list_checkpoints(*, connection: DatabaseWrapper) -> tuple[Checkpoint, ...]:
    """Return the deploys that applied migrations, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_EXISTS, [Deploy._meta.db_table])
        if not cursor.fetchone()[0]:
            return ()
    applied = applied_migrations(connection=connection)
    deploys = Deploy.objects.using(connection.alias).filter(direction=Direction.APPLY)
    try:
        return tuple(_checkpoint(deploy, applied) for deploy in deploys.order_by("-started_at", "-pk"))
    except DatabaseError as error:  # The table is that of another release.
        raise NoWayBack(_("The record of deploys cannot be read: %(reason)s") % {"reason": error}) from error


def _checkpoint(deploy: Deploy, applied: Sequence[str]) -> Checkpoint:
    before = frozenset(deploy.applied_before)
    its_own = set(deploy.applied_after if deploy.applied_after is not None else applied) - before
    return Checkpoint(
        key=str(deploy.pk),
        started_at=deploy.started_at,
        operator=f"{deploy.operator}@{deploy.host}",
        result=deploy.result,
        before=before,
        migrations=tuple(name for name in applied if name in its_own),
    )


def _names(connection: DatabaseWrapper, applied: Sequence[str], way_back: WayBack) -> frozenset[str]:
    if way_back.deploy:
        before = _find_checkpoint(connection, way_back.deploy).before
        return frozenset(applied) - before
    if way_back.to:
        return frozenset(applied[_position(applied, way_back.to) + 1 :])
    return frozenset(applied[-way_back.steps :])


def _position(applied: Sequence[str], name: str) -> int:
    """Return the place of a migration of which a beginning is enough, as in `migrate`."""
    found = [place for place, each in enumerate(applied) if each == name or each.startswith(f"{name}_")]
    if len(found) == 1:
        return found[0]
    raise NoWayBack(
        _("%(name)s is no applied migration.\n→ See which there are: manage.py showmigrations --plan")
        % {"name": name}
    )


def _find_checkpoint(connection: DatabaseWrapper, key: str) -> Checkpoint:
    checkpoints = list_checkpoints(connection=connection)
    found = [each for each in checkpoints if (each.migrations if key == LATEST else each.key.startswith(key))]
    if found and (key == LATEST or len(found) == 1):
        return found[0]
    sentence = (
        _("No deploy is recorded of which anything is left to take back.")
        if key == LATEST
        else _("There is no deploy %(key)s, or more than one.") % {"key": key}
    )
    remedy = _("→ See which there are: manage.py revert --to-deploy")
    raise NoWayBack(f"{sentence}\n{remedy}")


def _targets(
    graph: MigrationGraph, applied: Sequence[str], names: Collection[str]
) -> Iterator[tuple[str, str | None]]:
    """Yield for each app what is to be its newest migration, or that it is to have none."""
    kept = {node for node in graph.nodes if _name(node) in applied and _name(node) not in names}
    for app in sorted({node[0] for node in graph.nodes if _name(node) in names}):
        own = {node for node in kept if node[0] == app}
        newest = [node for node in own if not own & {child.key for child in graph.node_map[node].children}]
        yield from sorted(newest)
        if not newest:
            yield app, None


def _name(node: Node) -> str:
    return ".".join(node)
