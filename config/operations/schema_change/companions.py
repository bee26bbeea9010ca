"""Who else takes part when a migration runs: who watches it, and who looks after data that it would drop."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config.operations.models import Direction, Way


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
