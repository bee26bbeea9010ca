"""Whether the recorded history and the files of the migrations tell the same."""

from collections.abc import Iterable, Iterator

from django.db.migrations.exceptions import NodeNotFoundError
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from config.operations.schema_change.preflight.recorded_tables import (
    SHELL,
    contradictions,
    deletion,
    insertion,
)
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Remark,
    Remarks,
    failed,
    fine,
)

Key = tuple[str, str]

_RECORDED = "SELECT app, name, count(*), max(id) FROM django_migrations GROUP BY app, name ORDER BY 1, 2"


def check_history(circumstances: Circumstances) -> Remarks:
    """Compare the rows of django_migrations with the files, and with the tables that are there."""
    try:
        loader = MigrationLoader(circumstances.connection)
    except NodeNotFoundError as error:
        yield failed(
            _("A file of a migration is missing: %(reason)s") % {"reason": error},
            _("Bring it back from git: git status, git log --all -- '*/migrations/*'"),
        )
        return
    recorded = _recorded(circumstances)
    remarks = [
        *_unknown(loader, recorded),
        *_repeated(recorded),
        *_gaps(loader),
        *_heads(loader),
        *contradictions(circumstances, loader),
    ]
    yield from remarks
    if not remarks:
        pending = len(set(loader.graph.nodes) - set(loader.applied_migrations))
        facts = {"applied": len(recorded), "pending": pending}
        yield fine(_("%(applied)d applied, %(pending)d pending, all of them known") % facts)


def _recorded(circumstances: Circumstances) -> dict[Key, tuple[int, int]]:
    """Return migration → (how often it is recorded, its latest row)."""
    if not MigrationRecorder(circumstances.connection).has_table():
        return {}
    return {(app, name): (count, row) for app, name, count, row in circumstances.rows(_RECORDED)}


def _unknown(loader: MigrationLoader, recorded: Iterable[Key]) -> Iterator[Remark]:
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    for app, name in sorted(set(recorded) - loader.disk_migrations.keys() - replaced):
        newest = max((each for label, each in loader.disk_migrations if label == app), default="")
        facts = {"migration": f"{app}.{name}", "find": f"git log --all --oneline -- '*/migrations/{name}.py'"}
        if not newest:
            yield failed(
                _("%(migration)s is applied, but its app is not installed here.") % facts,
                _("Check out the release that has it: %(find)s") % facts,
            )
        elif name > newest:
            yield failed(
                _("The database is newer than this code: it has %(migration)s.") % facts,
                _("Check out the release that has it: %(find)s") % facts,
            )
        else:
            yield failed(
                _("%(migration)s is applied, but has no file here: it was renamed, deleted or typed in.")
                % facts,
                _("Bring the file back: %(find)s; or, if it never did anything: %(shell)s, %(statement)s")
                % {**facts, "shell": SHELL, "statement": deletion(app, name)},
            )


def _repeated(recorded: dict[Key, tuple[int, int]]) -> Iterator[Remark]:
    for (app, name), (count, row) in recorded.items():
        if count > 1:
            facts = {"migration": f"{app}.{name}", "count": count}
            statement = f"DELETE FROM django_migrations WHERE id = {row};"  # noqa: S608 - a number, to be shown
            yield failed(
                _("%(migration)s is recorded %(count)d times: the history was edited.") % facts,
                f"{SHELL}, {statement}",
            )


def _gaps(loader: MigrationLoader) -> Iterator[Remark]:
    """Yield each migration that others build on and that is not recorded: somebody deleted its row."""
    applied = set(loader.applied_migrations)
    nodes = loader.graph.node_map
    gaps = {
        (parent.key, key)
        for key in applied & nodes.keys()
        for parent in nodes[key].parents
        if parent.key not in applied
    }
    for parent, child in sorted(gaps):
        facts = {"missing": ".".join(parent), "later": ".".join(child), "shell": SHELL}
        facts["statement"] = insertion(*parent)
        yield failed(
            _("%(missing)s is not recorded, but %(later)s, which builds on it, is: its row was deleted.")
            % facts,
            _("If what it makes is there, record it: %(shell)s, %(statement)s") % facts,
        )


def _heads(loader: MigrationLoader) -> Iterator[Remark]:
    for app, names in sorted(loader.detect_conflicts().items()):
        yield failed(
            _("%(app)s has several newest migrations: %(names)s")
            % {"app": app, "names": ", ".join(sorted(names))},
            _("Put one after the other: manage.py rebase_migration %(app)s") % {"app": app},
        )
