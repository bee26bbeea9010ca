"""What the development server does to its database before it serves."""

from collections.abc import Callable

from django.core.management import call_command
from django.db import connections

from config.databases import OWNER_ALIAS
from config.operations.advisory_lock import advisory_lock
from config.operations.inspection import pending_migrations
from config.operations.schemas import recreate_schema

LOCK = "config.operations.development"


class MigrationFailed(Exception):
    """The pending migrations were applied up to one that failed; the cause is chained."""

    def __init__(self, *, applied: list[str], failed: str) -> None:
        super().__init__(failed)
        self.applied = applied
        self.failed = failed


def apply_pending_migrations(*, on_wait: Callable[[], None], alias: str = OWNER_ALIAS) -> list[str]:
    """Apply what is pending and return its names in the order of application.

    Several servers may start at once: one works, the others call `on_wait`, wait, and find nothing to do.
    """
    with advisory_lock(name=LOCK, alias=alias, on_wait=on_wait):
        pending = _pending(alias)
        if pending:
            _migrate(pending, alias=alias)
    return pending


def empty_schema(*, on_wait: Callable[[], None], alias: str = OWNER_ALIAS) -> str:
    """Recreate the schema of DB_SCHEMA and return its name; never while a server is migrating."""
    with advisory_lock(name=LOCK, alias=alias, on_wait=on_wait):
        return recreate_schema(alias=alias)


def _migrate(pending: list[str], *, alias: str) -> None:
    try:
        call_command("migrate", database=alias, interactive=False, verbosity=0)
    except Exception as error:
        remaining = _pending(alias)
        applied = [name for name in pending if name not in remaining]
        raise MigrationFailed(applied=applied, failed=remaining[0] if remaining else "") from error


def _pending(alias: str) -> list[str]:
    return [str(migration) for migration in pending_migrations(connection=connections[alias])]
