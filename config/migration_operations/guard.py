"""Changes the schema so that nobody has to wait for it.

Whoever waits for a lock on a table makes everybody else wait behind him. So a guarded transaction does not
even queue while somebody's transaction is seen to hold the table; it gives up after a moment of waiting, and
begins again, until its patience ends. It decides by SQLSTATE, because servers speak many languages.
"""

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from django.db import DatabaseError, InterfaceError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.translation import gettext as _

from config.migration_operations.blockers import Blocker, find_holders, find_old_transactions

LOCK_TIMEOUT_MILLISECONDS = 50
# Below the other: only after this does a waiting session look at what it waits for, and cancels autovacuum.
DEADLOCK_TIMEOUT_MILLISECONDS = 20
PATIENCE_SECONDS = 60
OLD_TRANSACTION_SECONDS = 0.1

T = TypeVar("T")

_LOOK_AGAIN_SECONDS = 0.05
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 1.0
_NOT_GOT_IN_TIME, _DEADLOCK = "55P03", "40P01"
_NO_LOCKS: Mapping[str, str] = {}
_SETTINGS = """
    SELECT set_config('lock_timeout', %(lock)s, %(local)s),
           CASE WHEN has_parameter_privilege('deadlock_timeout', 'SET')
                THEN set_config('deadlock_timeout', %(deadlock)s, %(local)s) END
"""
_NO_STATEMENT_TIMEOUT = "SELECT set_config('statement_timeout', '0', %s)"
_RESET = """
    SELECT set_config(name, reset_val, false) FROM pg_settings
     WHERE name IN ('lock_timeout', 'statement_timeout')
           OR name = 'deadlock_timeout' AND has_parameter_privilege('deadlock_timeout', 'SET')
"""
_BLOCKS_NOBODY = re.compile(r"\bCONCURRENTLY\b|\bVALIDATE\s+CONSTRAINT\b", re.IGNORECASE)


class PatienceEnded(Exception):
    """A lock was not to be had; the message names who holds it, and the next command."""

    def __init__(self, message: str, *, blockers: tuple[Blocker, ...]) -> None:
        super().__init__(message)
        self.blockers = blockers


def _tell_nobody(blockers: tuple[Blocker, ...]) -> None:
    pass


@dataclass
class Patience:
    """How long a piece of work may wait for others in all, and how much of that is gone.

    `on_wait` is called at each beginning of a wait, with those who are seen to be in the way.
    """

    seconds: float = PATIENCE_SECONDS
    on_wait: Callable[[tuple[Blocker, ...]], None] = _tell_nobody
    attempts: int = field(default=1, init=False)
    waited_seconds: float = field(default=0.0, init=False)

    @property
    def remaining_seconds(self) -> float:
        return max(0.0, self.seconds - self.waited_seconds)

    @contextlib.contextmanager
    def spent(self) -> Iterator[None]:
        """Count the time of the block as waiting."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.waited_seconds += time.monotonic() - started


_current: ContextVar[Patience | None] = ContextVar("patience", default=None)


def current_patience() -> Patience:
    """Return that of the migration that is running, or, under plain `migrate`, a new one."""
    return _current.get() or Patience()


@contextlib.contextmanager
def patience_of_migration(patience: Patience) -> Iterator[None]:
    token = _current.set(patience)
    try:
        yield
    finally:
        _current.reset(token)


def sqlstate(error: BaseException | None) -> str | None:
    """Return what the server said behind `error`, if it was the server that caused it."""
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__cause__ or error.__context__
    return None if error is None else error.sqlstate


def run_guarded(
    work: Callable[[], T],
    *,
    connection: BaseDatabaseWrapper,
    patience: Patience | None = None,
    locks: Mapping[str, str] = _NO_LOCKS,
) -> T:
    """Do `work` in one transaction, again and again until it gets every lock at once; return what it returns.

    `locks` is table → mode (ACCESS_EXCLUSIVE, …), as far as they are known. Raises PatienceEnded.
    """
    patience = patience or current_patience()
    while True:
        _wait_for_holders(connection, locks, patience)
        started = time.monotonic()
        try:
            with transaction.atomic(using=connection.alias, durable=True):
                _set_short_timeouts(connection, local=True)
                return work()
        except Exception as error:
            if sqlstate(error) not in (_NOT_GOT_IN_TIME, _DEADLOCK):
                raise
            patience.waited_seconds += time.monotonic() - started
            _pause(connection, locks, patience, cause=error)


def run_patiently(
    work: Callable[[], T], *, connection: BaseDatabaseWrapper, patience: Patience | None = None
) -> T:
    """Do `work` in one transaction that may wait: for what nobody waits for in turn, such as VALIDATE."""
    patience = patience or current_patience()
    while True:
        started = time.monotonic()
        try:
            with transaction.atomic(using=connection.alias, durable=True):
                _set_long_timeouts(connection, patience, local=True)
                return work()
        except Exception as error:
            _end_or_pause(connection, patience, started, error)


def run_concurrently(
    work: Callable[[], T], *, connection: BaseDatabaseWrapper, patience: Patience | None = None
) -> T:
    """Do `work`, such as CREATE INDEX CONCURRENTLY, without a transaction; its waiting is in nobody's way.

    It is not tried again, because what it leaves has to be cleaned up before.
    """
    patience = patience or current_patience()
    started = time.monotonic()
    try:
        with _session_timeouts(connection):
            _set_long_timeouts(connection, patience, local=False)
            return work()
    except DatabaseError as error:
        if sqlstate(error) == _NOT_GOT_IN_TIME:
            raise _ended(connection, patience, seconds=time.monotonic() - started) from error
        raise


@contextlib.contextmanager
def guarded_statements(
    *, connection: BaseDatabaseWrapper, patience: Patience | None = None
) -> Iterator[None]:
    """Guard, one by one, the statements that somebody else's code executes without a transaction."""
    patience = patience or current_patience()

    def guard(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        if many or connection.in_atomic_block:
            return execute(sql, params, many, context)
        return _retry(lambda: execute(sql, params, many, context), str(sql), connection, patience)

    with _session_timeouts(connection):
        _set_short_timeouts(connection, local=False)
        with connection.execute_wrapper(guard):
            yield


def _retry(execute: Callable[[], T], sql: str, connection: BaseDatabaseWrapper, patience: Patience) -> T:
    if _BLOCKS_NOBODY.search(sql):
        _set_long_timeouts(connection, patience, local=False)
        result = execute()
        _set_short_timeouts(connection, local=False)
        return result
    while True:
        started = time.monotonic()
        try:
            return execute()
        except DatabaseError as error:
            if sqlstate(error) not in (_NOT_GOT_IN_TIME, _DEADLOCK):
                raise
            patience.waited_seconds += time.monotonic() - started
            _pause(connection, _NO_LOCKS, patience, cause=error)


def _wait_for_holders(connection: BaseDatabaseWrapper, locks: Mapping[str, str], patience: Patience) -> None:
    told = False
    while holders := find_holders(
        connection=connection, locks=locks, older_than_seconds=OLD_TRANSACTION_SECONDS
    ):
        if not patience.remaining_seconds:
            raise PatienceEnded(_message(patience, locks, holders), blockers=holders)
        with patience.spent():
            if not told:
                patience.on_wait(holders)
                told = True
            time.sleep(_LOOK_AGAIN_SECONDS)


def _pause(
    connection: BaseDatabaseWrapper, locks: Mapping[str, str], patience: Patience, *, cause: Exception
) -> None:
    """Let the others pass, for a time that grows and that chance varies; or give up."""
    holders = _others(connection, locks)
    if not patience.remaining_seconds:
        raise PatienceEnded(_message(patience, locks, holders), blockers=holders) from cause
    with patience.spent():
        patience.on_wait(holders)
        longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(patience.attempts, 10))
        time.sleep(random.uniform(_FIRST_PAUSE_SECONDS, longest))  # noqa: S311 - no secret
    patience.attempts += 1


def _others(connection: BaseDatabaseWrapper, locks: Mapping[str, str]) -> tuple[Blocker, ...]:
    """Return who holds what is wanted, or, where that is not known, whoever might."""
    if locks:
        return find_holders(connection=connection, locks=locks, older_than_seconds=0)
    return find_old_transactions(connection=connection, older_than_seconds=LOCK_TIMEOUT_MILLISECONDS / 1000)


def _end_or_pause(
    connection: BaseDatabaseWrapper, patience: Patience, started: float, error: Exception
) -> None:
    state = sqlstate(error)
    if state == _NOT_GOT_IN_TIME:
        raise _ended(connection, patience, seconds=time.monotonic() - started) from error
    if state != _DEADLOCK:
        raise error
    _pause(connection, _NO_LOCKS, patience, cause=error)


def _ended(connection: BaseDatabaseWrapper, patience: Patience, *, seconds: float) -> PatienceEnded:
    old = find_old_transactions(connection=connection, older_than_seconds=min(seconds, patience.seconds))
    patience.waited_seconds = patience.seconds
    return PatienceEnded(_message(patience, _NO_LOCKS, old), blockers=old)


def _message(patience: Patience, locks: Mapping[str, str], blockers: tuple[Blocker, ...]) -> str:
    remedy = _("→ See who holds what: manage.py database_activity. Then type the command again.")
    if not blockers:
        sentence = _("%(seconds)d seconds were not enough to get a lock on %(tables)s.")
        tables = ", ".join(sorted(locks)) or _("what has to be changed")
        return f"{sentence % {'seconds': patience.seconds, 'tables': tables}}\n{remedy}"
    lines = [_("%(seconds)d seconds of waiting for others were not enough.") % {"seconds": patience.seconds}]
    return "\n".join([*lines, *map(_describe, blockers), remedy])


def _describe(blocker: Blocker) -> str:
    facts = {
        "pid": blocker.pid,
        "user": blocker.user,
        "application": blocker.application or "-",
        "since": timezone.localtime(blocker.since).strftime("%Y-%m-%d %H:%M:%S"),
        "table": blocker.table or "-",
        "statement": blocker.statement,
    }
    if not blocker.pid:
        return _("%(table)s: the prepared transaction %(application)s of %(user)s, since %(since)s") % facts
    return (
        _(
            "%(table)s: process %(pid)d of %(user)s (%(application)s), in a transaction since %(since)s: "
            "%(statement)s"
        )
        % facts
    )


def _set_short_timeouts(connection: BaseDatabaseWrapper, *, local: bool) -> None:
    _set_timeouts(connection, LOCK_TIMEOUT_MILLISECONDS, local=local)


def _set_long_timeouts(connection: BaseDatabaseWrapper, patience: Patience, *, local: bool) -> None:
    milliseconds = max(LOCK_TIMEOUT_MILLISECONDS, int(patience.remaining_seconds * 1000))
    _set_timeouts(connection, milliseconds, local=local)
    with connection.cursor() as cursor:
        cursor.execute(_NO_STATEMENT_TIMEOUT, [local])


def _set_timeouts(connection: BaseDatabaseWrapper, milliseconds: int, *, local: bool) -> None:
    values: dict[str, str | bool] = {
        "lock": f"{milliseconds}ms",
        "deadlock": f"{DEADLOCK_TIMEOUT_MILLISECONDS}ms",
        "local": local,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS, values)


@contextlib.contextmanager
def _session_timeouts(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Undo at the end what is set for the session, which others go on using."""
    try:
        yield
    finally:
        # A connection that is lost has nothing left to be undone.
        with contextlib.suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
            cursor.execute(_RESET)
