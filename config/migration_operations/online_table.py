"""Changes of one table that can be repeated after a kill: each looks first whether it has been made."""

from collections.abc import Callable, Iterable

from django.db.backends.base.base import BaseDatabaseWrapper

from config.migration_operations.blockers import ACCESS_EXCLUSIVE
from config.migration_operations.guard import run_concurrently, run_guarded, run_patiently
from config.migration_operations.statement_parts import quoted
from config.migration_operations.surroundings import surroundings

_SHARE_ROW_EXCLUSIVE = "ShareRowExclusiveLock"
_COLUMN = """
    SELECT true FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped
"""
_CONSTRAINT = "SELECT convalidated FROM pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s"
_INDEX = """
    SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = to_regclass(%s) AND relname = %s
"""


class OnlineTable:
    def __init__(self, connection: BaseDatabaseWrapper, name: str) -> None:
        self.connection = connection
        self.name = name

    def has_column(self, column: str) -> bool:
        return bool(self._look(_COLUMN, column))

    def change(
        self,
        point: str,
        statements: Iterable[str],
        *,
        besides: Iterable[str] = (),
        mode: str = ACCESS_EXCLUSIVE,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """Execute all in one transaction that keeps nobody waiting, on this table and those `besides`."""
        statements = tuple(statements)  # It may be tried several times.
        locks = dict.fromkeys((self.name, *besides), mode)
        run_guarded(lambda: self._execute(point, statements, finish), connection=self.connection, locks=locks)
        surroundings().observe(point)

    def add_constraint(self, name: str, definition: str, *, refers_to: Iterable[str] = ()) -> None:
        """Add it so that it holds for what is written from now on; `validate` looks at what there is."""
        if self._look(_CONSTRAINT, name) is None:
            statement = (
                f"ALTER TABLE {quoted(self.name)} ADD CONSTRAINT {quoted(name)} {definition} NOT VALID"
            )
            mode = _SHARE_ROW_EXCLUSIVE if refers_to else ACCESS_EXCLUSIVE
            self.change(f"add {name}", [statement], besides=refers_to, mode=mode)

    def validate(self, name: str) -> None:
        if not self._look(_CONSTRAINT, name):
            self._patiently(
                f"validate {name}", f"ALTER TABLE {quoted(self.name)} VALIDATE CONSTRAINT {quoted(name)}"
            )

    def build_index(self, name: str, definition: str, *, is_unique: bool) -> None:
        """Build it, `definition` being what follows USING; an unfinished one is built anew."""
        is_valid = self._look(_INDEX, name)
        if is_valid is False:
            self._concurrently(f"drop {name}", f"DROP INDEX CONCURRENTLY {quoted(name)}")
        if not is_valid:
            kind = "UNIQUE INDEX" if is_unique else "INDEX"
            statement = f"CREATE {kind} CONCURRENTLY {quoted(name)} ON {quoted(self.name)} USING {definition}"
            self._concurrently(f"build {name}", statement)

    def analyse(self, *, finish: Callable[[], None]) -> None:
        self._patiently("analyse", f"ANALYZE {quoted(self.name)}", finish)

    def _patiently(self, point: str, statement: str, finish: Callable[[], None] = lambda: None) -> None:
        run_patiently(lambda: self._execute(point, [statement], finish), connection=self.connection)
        surroundings().observe(point)

    def _concurrently(self, point: str, statement: str) -> None:
        run_concurrently(lambda: self._execute(point, [statement]), connection=self.connection)

    def _execute(
        self, point: str, statements: Iterable[str], finish: Callable[[], None] = lambda: None
    ) -> None:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        finish()
        surroundings().observe(point)

    def _look(self, query: str, name: str) -> bool | None:
        """Return what the catalogue says, or None if there is no such thing."""
        with self.connection.cursor() as cursor:
            cursor.execute(query, [quoted(self.name), name])
            row = cursor.fetchone()
        return None if row is None else bool(row[0])
