"""Tells the database who acts, in the same message as the first statement of a transaction that writes.

The setting audit.context ends with its transaction, whatever happens to the request or to the connection:
nothing has to be cleared, and nothing is left for the next one. What is not recognised, such as a SELECT that
calls a function of its own that writes, is recorded all the same, without who asked for it.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import Cursor
from psycopg import ClientCursor, Connection, Copy
from psycopg.pq import TransactionStatus
from psycopg.sql import Composable, quote

from audit.context import NOBODY, Context, current_context

if TYPE_CHECKING:
    DatabaseCursor = ClientCursor[Any]
else:
    DatabaseCursor = Cursor

SETTING = "audit.context"

_SKIPPED = r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*"
_WRITES = re.compile(
    _SKIPPED
    + r"(?:(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|WITH)|COPY|CALL|DO|EXECUTE|SELECT\s+record_action)\b",
    re.IGNORECASE | re.DOTALL,
)
_ENDS = re.compile(_SKIPPED + r"(?:ROLLBACK|COMMIT|END|ABORT)\b", re.IGNORECASE | re.DOTALL)

# What the transaction of a connection has been told. Each connection belongs to one thread at a time.
_told: WeakKeyDictionary[Connection[Any], Context] = WeakKeyDictionary()


def write_context(*, connection: BaseDatabaseWrapper, **signal: Any) -> None:
    """Let the statements of `connection` say who acts. A receiver of connection_created."""
    if connection.connection.cursor_factory is Cursor:
        connection.connection.cursor_factory = ContextCursor
    # A wrapper outlives the connection that it was installed for.
    if _forget_last_transaction not in connection.execute_wrappers:
        connection.execute_wrappers.append(_forget_last_transaction)


def _forget_last_transaction(
    execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: dict[str, Any]
) -> Any:
    # Here rather than below, because the cursors that stay on the server begin transactions, too.
    session = context["connection"].connection
    if session is not None and session.pgconn.transaction_status == TransactionStatus.IDLE:
        _told.pop(session, None)
    return execute(sql, parameters, many, context)


class ContextCursor(DatabaseCursor):
    """Django's cursor, below all its wrappers, so that these see and count the statement alone."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        text = self._text(query)
        context = self._untold(text)
        if context is None:
            super().execute(query, params, **options)
        else:
            # Several statements in one message are one transaction, or a part of the one that is open.
            setting = self._setting(context)
            setting = setting if params is None else setting.replace("%", "%%")
            super().execute(f"{setting};\n{text}", params, **options)
            self.nextset()
            self._remember(context)
        if _ENDS.match(text):
            _told.pop(self.connection, None)
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        with self._transaction_with_context(query):
            super().executemany(query, params_seq, **options)

    @contextlib.contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Copy]:
        with self._transaction_with_context(statement), super().copy(statement, params, **options) as copy:
            yield copy

    @contextlib.contextmanager
    def _transaction_with_context(self, query: Any) -> Iterator[None]:
        context = self._untold(self._text(query), opens_transaction=True)
        if context is None:
            yield
            return
        alone = self.connection.autocommit and self._is_idle()
        with self.connection.transaction() if alone else contextlib.nullcontext():
            ClientCursor(self.connection).execute(self._setting(context))
            self._remember(context)
            yield

    def _text(self, query: Any) -> str:
        if isinstance(query, str):
            return query
        return query.as_string(self) if isinstance(query, Composable) else bytes(query).decode()

    def _is_idle(self) -> bool:
        return self.connection.pgconn.transaction_status == TransactionStatus.IDLE

    def _untold(self, text: str, *, opens_transaction: bool = False) -> Context | None:
        """Return what the transaction must be told before it executes `text`, or None."""
        statement = _WRITES.match(text)
        if statement is None or self.connection.pgconn.transaction_status == TransactionStatus.INERROR:
            return None
        # Asked first: it may have to read from the database who is signed in.
        context = current_context()
        idle = self._is_idle()
        if idle and self.connection.autocommit and not (statement[1] or opens_transaction):
            return None  # What else writes may end transactions itself.
        told = NOBODY if idle else _told.get(self.connection, NOBODY)
        return None if context is told else context

    def _setting(self, context: Context) -> str:
        # A utility statement: it needs no plan and takes no snapshot, half of what set_config() costs.
        return f"SET LOCAL {SETTING} TO {quote(context.as_json, self.connection)}"

    def _remember(self, context: Context) -> None:
        if self._is_idle():
            _told.pop(self.connection, None)
        else:
            _told[self.connection] = context
