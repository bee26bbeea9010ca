"""Changes the rows of a table in the order of their key, a few at a time, each few in a transaction.

The position is remembered in the transaction of the batch, so that a kill at any moment loses at most the
batch that was running. Nobody waits for a batch longer than it takes, and a batch waits for nobody: rows that
others hold are left for the next pass.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import OperationalError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from config.migration_operations import unfinished
from config.migration_operations.batch_size import BatchSize
from config.migration_operations.failures import OperationFailed
from config.migration_operations.guard import sqlstate
from config.migration_operations.surroundings import Advance, Surroundings, surroundings
from config.migration_operations.waiting import Waiting

Rows = models.QuerySet[models.Model]

BATCH = "batch"
SHOWN_KEYS = 5

# While a batch waits it holds the rows that it has changed already.
_ROW_TIMEOUT_MILLISECONDS = 10
_TABLE_TIMEOUT_MILLISECONDS = 50
_NO_LOCK = ("55P03", "40P01")
_REST_PER_SECOND_OF_WORK = 0.1
_REST_OF_THE_BUSY_SECONDS = 0.1
_MOST_RESTS = 10  # Whoever is always busy gets a batch a second all the same.


class RowsLeft(OperationFailed):
    """Some rows could not be changed; the message says how many, names a few, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """`rows` that match `needing` get `change`, after which they match it no longer.

    `change` returns how many rows it changed; where `locks_first` says so, it is given rows that nobody else
    can change. `prepare` is called at the start of each transaction. `walks_all` false spares the way over
    all keys, where few rows need the change.
    """

    step: str
    sentence: str
    rows: Rows
    needing: Any
    change: Callable[[Rows], int]
    locks_first: bool = False
    walks_all: bool = True
    prepare: Callable[[], None] = lambda: None

    @property
    def left(self) -> Rows:
        return self.rows.filter(self.needing)


@dataclass(frozen=True, kw_only=True)
class Position:
    """`after` is the last key that is done, as text; `walked` counts the rows up to it, changed or not."""

    after: str | None = None
    walked: int = 0
    passes: int = 0


def change_in_batches(*, connection: BaseDatabaseWrapper, work: Work) -> None:
    """Change every row that needs it, from where an earlier call was interrupted. Raises RowsLeft."""
    _Walk(connection, work, surroundings()).run()


def examples(rows: Rows) -> str:
    """Return the keys of a few of the rows, for a message."""
    keys = [str(key) for key in rows.order_by("pk").values_list("pk", flat=True)[: SHOWN_KEYS + 1]]
    return ", ".join(keys[:SHOWN_KEYS]) + (", …" if len(keys) > SHOWN_KEYS else "")


class _Walk:
    def __init__(self, connection: BaseDatabaseWrapper, work: Work, given: Surroundings) -> None:
        self._connection = connection
        self._work = work
        self._given = given
        self._size = BatchSize()
        self._table_wait = Waiting(given)
        self._position = Position(**(unfinished.load(connection, work.step) or {}))
        self._somebody_held_rows = False
        self._seconds_of_change = 0.0

    def run(self) -> None:
        self._given.progress.step(self._work.sentence)
        if self._work.walks_all and self._position.passes == 0 and self._work.left.exists():
            with self._given.progress.measure(self._count(), unit=_("rows")) as advance:
                advance(self._position.walked)
                # Every key is walked, so that a page takes the same time however few of its rows need it.
                self._walk(self._work.rows, advance)
        self._walk_what_is_left()
        unfinished.forget(self._connection, self._work.step)

    def _count(self) -> int:
        """Return about how many rows there are, without counting them where the server knows."""
        table = self._connection.ops.quote_name(self._work.rows.model._meta.db_table)
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table])
            estimate = int(cursor.fetchone()[0])
        return estimate if estimate >= 0 else self._work.rows.count()

    def _walk_what_is_left(self) -> None:
        """Pass over the rows that were held by others or written meanwhile, until there are none."""
        fewest: int | None = None
        waiting = Waiting(self._given)
        while left := self._work.left.count():
            if fewest is None or left < fewest:
                fewest = left
                waiting.renew()
            elif not self._somebody_held_rows or not waiting.wait():
                raise RowsLeft(self._who_is_left(left))
            self._somebody_held_rows = False
            self._walk(self._work.left, lambda walked: None)

    def _who_is_left(self, count: int) -> str:
        sentence = (
            _(
                "Rows of the table %(table)s that others hold: %(count)d (%(keys)s).\n"
                "→ See by whom: manage.py database_activity; then repeat the command, which goes on there."
            )
            if self._somebody_held_rows
            else _(
                "Rows of the table %(table)s that need the change although they got it: "
                "%(count)d (%(keys)s).\n"
                "→ Where the change leaves them as they were, correct it. Where somebody writes such rows "
                "all the time, give the column its default in an earlier migration."
            )
        )
        table = self._work.rows.model._meta.db_table
        return sentence % {"count": count, "table": table, "keys": examples(self._work.left)}

    def _walk(self, rows: Rows, advance: Advance) -> None:
        passes = self._position.passes
        while self._position.passes == passes:
            started = time.monotonic()
            following = self._following(rows)
            changed = self._change_up_to(following)
            if changed is None:
                continue
            seconds = time.monotonic() - started
            advance(following.walked - self._position.walked)
            # Not the time of the commit, which no smaller batch would make shorter.
            self._size.learn(changed=changed, seconds=self._seconds_of_change)
            self._position = following
            self._table_wait.renew()
            self._rest(seconds)

    def _following(self, rows: Rows) -> Position:
        """Return the position behind the next page of `rows`, or the start of the next pass."""
        last = self._behind(rows).order_by("pk").values_list("pk", flat=True)[self._size.rows - 1 :][:1]
        for key in last:
            return replace(self._position, after=str(key), walked=self._position.walked + self._size.rows)
        return Position(passes=self._position.passes + 1, walked=self._position.walked)

    def _behind(self, rows: Rows) -> Rows:
        after = self._position.after
        return rows if after is None else rows.filter(pk__gt=self._key(after))

    def _key(self, text: str) -> Any:
        return self._work.rows.model._meta.pk.to_python(text)

    def _change_up_to(self, following: Position) -> int | None:
        """Change one page; None where somebody holds the whole table, or what the page depends on."""
        page = self._behind(self._work.left)
        if following.after is not None:
            page = page.filter(pk__lte=self._key(following.after))
        try:
            if not self._work.locks_first:
                return self._commit(lambda: page, following, _ROW_TIMEOUT_MILLISECONDS)
        except OperationalError as error:
            _pass_on_unless_locked(error)
            self._somebody_held_rows = True
        try:
            return self._commit(lambda: self._free(page), following, _TABLE_TIMEOUT_MILLISECONDS)
        except OperationalError as error:
            _pass_on_unless_locked(error)
        return self._give_way(following)

    def _commit(self, rows: Callable[[], Rows], following: Position, timeout: int) -> int:
        alias = self._connection.alias
        with transaction.atomic(using=alias, durable=True), self._connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(timeout)])
            self._work.prepare()
            started = time.monotonic()
            changed = self._work.change(rows())
            self._seconds_of_change = time.monotonic() - started
            unfinished.save(self._connection, self._work.step, asdict(following))
            self._given.observe(BATCH)
        self._given.observe(BATCH)
        return changed

    def _free(self, page: Rows) -> Rows:
        """Lock what nobody else holds of the page, and return that."""
        free = page.order_by("pk").select_for_update(skip_locked=True, of=("self",))
        keys = list(free.values_list("pk", flat=True))
        self._somebody_held_rows |= page.exclude(pk__in=keys).exists()
        return self._work.rows.filter(pk__in=keys)

    def _give_way(self, following: Position) -> int | None:
        """Make the page smaller; leave out a single row; wait where it is the table that is held."""
        if self._size.rows > 1:
            self._size.halve()
            return None
        self._somebody_held_rows = True
        if not self._table_is_held():
            return self._commit(self._work.rows.none, following, _TABLE_TIMEOUT_MILLISECONDS)
        if not self._table_wait.wait():
            raise RowsLeft(self._who_is_left(self._work.left.count()))
        return None

    def _table_is_held(self) -> bool:
        quoted = self._connection.ops.quote_name(self._work.rows.model._meta.db_table)
        try:
            with transaction.atomic(using=self._connection.alias), self._connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {quoted} IN ROW EXCLUSIVE MODE NOWAIT")
        except OperationalError as error:
            _pass_on_unless_locked(error)
            return True
        return False

    def _rest(self, seconds: float) -> None:
        """Leave the server to others for a while, longer where it is busy."""
        self._given.pause(seconds * _REST_PER_SECOND_OF_WORK)
        for _rest in range(_MOST_RESTS):
            if not self._given.is_busy(self._connection):
                break
            self._given.pause(_REST_OF_THE_BUSY_SECONDS)


def _pass_on_unless_locked(error: OperationalError) -> None:
    if sqlstate(error) not in _NO_LOCK:
        raise error
