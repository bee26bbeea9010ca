"""What a statement does to tables: the locks it takes, and the tables it reads or rewrites under them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto


class LockMode(IntEnum):
    """PostgreSQL's modes of a lock on a table; a greater one conflicts with no fewer others."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    def __str__(self) -> str:
        return self.name.replace("_", " ")

    @property
    def name_in_pg_locks(self) -> str:
        return self.name.title().replace("_", "") + "Lock"

    @property
    def blocks_reads(self) -> bool:
        return self.conflicts_with(LockMode.ACCESS_SHARE)

    @property
    def blocks_writes(self) -> bool:
        return self.conflicts_with(LockMode.ROW_EXCLUSIVE)

    def conflicts_with(self, other: "LockMode") -> bool:
        return other in _CONFLICTS[self]


# https://www.postgresql.org/docs/current/explicit-locking.html, table 13.2
_CONFLICTS = {
    LockMode.ACCESS_SHARE: {8},
    LockMode.ROW_SHARE: {7, 8},
    LockMode.ROW_EXCLUSIVE: {5, 6, 7, 8},
    LockMode.SHARE_UPDATE_EXCLUSIVE: {4, 5, 6, 7, 8},
    LockMode.SHARE: {3, 4, 6, 7, 8},
    LockMode.SHARE_ROW_EXCLUSIVE: {3, 4, 5, 6, 7, 8},
    LockMode.EXCLUSIVE: {2, 3, 4, 5, 6, 7, 8},
    LockMode.ACCESS_EXCLUSIVE: {1, 2, 3, 4, 5, 6, 7, 8},
}


class StatementKind(Enum):
    CREATE_TABLE = auto()
    CREATE_TABLE_AS = auto()
    DROP_TABLE = auto()
    RENAME_TABLE = auto()
    SET_SCHEMA = auto()
    TRUNCATE = auto()
    LOCK_TABLE = auto()
    ALTER_TABLE = auto()  # What has no kind of its own: storage, owner, row level security, inheritance.

    ADD_COLUMN = auto()
    DROP_COLUMN = auto()
    RENAME_COLUMN = auto()
    ALTER_TYPE = auto()
    SET_DEFAULT = auto()
    DROP_DEFAULT = auto()
    SET_NOT_NULL = auto()
    DROP_NOT_NULL = auto()
    IDENTITY = auto()

    ADD_CHECK = auto()
    ADD_FOREIGN_KEY = auto()
    ADD_UNIQUE = auto()
    ADD_PRIMARY_KEY = auto()
    ADD_EXCLUSION = auto()
    VALIDATE = auto()
    ALTER_CONSTRAINT = auto()
    RENAME_CONSTRAINT = auto()
    DROP_CONSTRAINT = auto()

    CREATE_INDEX = auto()
    ALTER_INDEX = auto()
    DROP_INDEX = auto()
    REINDEX = auto()

    CREATE_TRIGGER = auto()
    ALTER_TRIGGER = auto()
    DROP_TRIGGER = auto()

    CREATE_VIEW = auto()
    ALTER_VIEW = auto()
    DROP_VIEW = auto()
    REFRESH = auto()

    SEQUENCE = auto()
    FUNCTION = auto()
    OBJECT = auto()  # Extensions, schemas, types, collations: what is in no table.
    COMMENT = auto()
    PRIVILEGES = auto()

    SELECT = auto()
    INSERT = auto()
    UPDATE = auto()
    DELETE = auto()
    MERGE = auto()
    COPY = auto()

    SET_CONSTRAINTS = auto()
    SETTING = auto()
    TRANSACTION = auto()
    MAINTENANCE = auto()  # VACUUM, ANALYZE, CLUSTER
    OTHER = auto()


@dataclass(frozen=True, order=True)
class TableLock:
    table: str
    mode: LockMode


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a statement does, or one action of an ALTER TABLE.

    Names are without quotation marks, and without the schema where it is the application's. `name` is the
    column, constraint, index or trigger that it is about, `new_name` the one that it gives, `other_table` the
    one that a foreign key references. `scans` and
    `rewrites` are the tables that are read wholly, or written anew, while the locks are held. Only where
    `is_complete` are these all, except for what triggers and functions do: some statements cannot be
    understood at all, and some not without the catalogue.
    """

    sql: str
    kind: StatementKind
    table: str = ""
    name: str = ""
    new_name: str = ""
    columns: tuple[str, ...] = ()
    other_table: str = ""
    locks: tuple[TableLock, ...] = ()
    scans: tuple[str, ...] = ()
    rewrites: tuple[str, ...] = ()
    in_transaction: bool = True
    changes_rows: bool = False
    is_complete: bool = True

    @property
    def is_understood(self) -> bool:
        return self.kind is not StatementKind.OTHER


def strongest(locks: Iterable[TableLock]) -> tuple[TableLock, ...]:
    """Return one lock for each table: of several that a transaction holds, the one that keeps most out."""
    modes: dict[str, LockMode] = {}
    for lock in locks:
        modes[lock.table] = max(lock.mode, modes.get(lock.table, lock.mode))
    return tuple(TableLock(table, mode) for table, mode in modes.items())
