"""What the pending migrations, or those to be reverted, will do: operation by operation, down to the SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation

from config.operations.models import Direction, Way

if TYPE_CHECKING:
    from config.operations.schema_change.sizes import TableSize
    from config.operations.schema_change.statements import Statement


@dataclass(frozen=True, kw_only=True)
class PlannedOperation:
    """`position` counts from 0 in the migration file, whichever the direction.

    `statements` are those that will really run. They are empty where only running tells (`is_opaque`).
    """

    position: int
    operation: Operation
    description: str
    statements: "tuple[Statement, ...]"
    is_reversible: bool
    is_opaque: bool


@dataclass(frozen=True, kw_only=True)
class PlannedMigration:
    """`operations` come in the order in which they run; `large_tables` are those of its steps."""

    name: str
    migration: Migration
    direction: Direction
    way: Way
    operations: tuple[PlannedOperation, ...]
    large_tables: frozenset[str]

    @property
    def statements(self) -> "tuple[Statement, ...]":
        return tuple(statement for operation in self.operations for statement in operation.statements)

    @property
    def is_reversible(self) -> bool:
        return all(operation.is_reversible for operation in self.operations)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`fingerprint` is the sha256, in hex, of the names, the SQL and the files of the migrations."""

    migrations: tuple[PlannedMigration, ...]
    fingerprint: str


def read_plan(
    *,
    connection: DatabaseWrapper,
    targets: Sequence[tuple[str, str | None]] | None = None,
    sizes: "Mapping[str, TableSize] | None" = None,
) -> Plan:
    """Work out what leads to `targets`, as MigrationExecutor takes them; without them, to the newest of all.

    (app, None) means none of its migrations. Nothing is written and nothing locked. `sizes` are read from the
    database unless they are given.
    """
    raise NotImplementedError
