"""Runs a plan of migrations so that nobody has to wait for it, and so that it can be killed at any moment."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config.operations.models import Deploy, Direction, Way
from config.operations.progress import SILENT, Progress
from config.operations.schema_change.planning import Plan

PATIENCE_SECONDS = 60


class MigrationFailed(Exception):
    """A migration could not be finished; the message says what is left of it, the cause is chained."""

    def __init__(self, message: str, *, migration: str) -> None:
        super().__init__(message)
        self.migration = migration


class DumpRunning(Exception):
    """A dump is reading the database: whatever needs a lock would wait for its end."""


@dataclass(frozen=True, kw_only=True)
class MigrationOutcome:
    """What happened to one migration; `attempts` is 1, and one for each lock that was not got in time."""

    name: str
    direction: Direction
    way: Way
    seconds: float
    attempts: int
    waited_seconds: float


class Observer(Protocol):
    """Sees the work while its locks are still held. What it raises fails the migration."""

    def statement(self, connection: DatabaseWrapper, migration: str, sql: str) -> None:
        """Is called after each statement, within its transaction if it has one."""

    def migration(self, outcome: MigrationOutcome) -> None:
        """Is called after each migration, when nothing of it is open any more."""


@dataclass(frozen=True, kw_only=True)
class OperationContext:
    """One operation that is about to run, from the state before to the state after it in this direction."""

    connection: DatabaseWrapper
    migration: str
    app_label: str
    direction: Direction
    position: int
    operation: Operation
    from_state: ProjectState
    to_state: ProjectState
    in_transaction: bool  # Whether the whole migration is one transaction.
    large_tables: Collection[str]


class Keeper(Protocol):
    """Looks after the data of the operations that `concerns` it, such as those of a dropped column.

    Where the whole migration is one transaction, all methods are called in it, one after the other. Otherwise
    `prepare` and `complete` are called without a transaction; they may be long and are called again after an
    interruption.
    """

    def concerns(self, context: OperationContext) -> bool: ...

    def prepare(self, context: OperationContext) -> None: ...

    def replace(self, context: OperationContext) -> bool:
        """Work in the transaction of the operation, before it; True if the operation itself is not to run."""

    def complete(self, context: OperationContext) -> None: ...


def run_plan(
    *,
    connection: DatabaseWrapper,
    plan: Plan,
    patience_seconds: float = PATIENCE_SECONDS,
    progress: Progress = SILENT,
    deploy: Deploy | None = None,
    observer: Observer | None = None,
    keeper: Keeper | None = None,
) -> tuple[MigrationOutcome, ...]:
    """Apply or revert the migrations of `plan` in its order, with Django's signals before and after.

    The caller holds the advisory lock, and gives the application's role its privileges afterwards. Raises
    DumpRunning, PatienceEnded (of config.migration_operations.guard) or MigrationFailed; run again, a plan
    goes on where it was interrupted.
    """
    raise NotImplementedError
