"""Repairs what has one right answer; everything else needs a person, who reads the hint."""

import contextlib
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.core import checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.operations.integrity import find_problems
from config.redaction import redact
from config.repairs import Repair, RepairableError

# Whoever waits for a lock makes all others wait behind it.
_LOCK_TIMEOUT = "5s"

# What a REINDEX CONCURRENTLY that failed has begun. Whoever is still building holds a lock on the table.
_LEFTOVERS = """
    SELECT indexrelid::regclass::text
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE NOT indisvalid AND relkind = 'i' AND relname ~ '_ccnew[0-9]*$'
       AND relnamespace = quote_ident(current_schema())::regnamespace
"""


class Outcome(enum.StrEnum):
    """What became of a problem."""

    PLANNED = "planned"
    REPAIRED = "repaired"
    FAILED = "failed"
    NEEDS_A_PERSON = "needs a person"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """`reason` is the server's, where it refused."""

    problem: checks.CheckMessage
    outcome: Outcome
    reason: str = ""

    @property
    def statements(self) -> tuple[str, ...]:
        repair = repair_of(self.problem)
        return repair.statements if repair else ()


@dataclass(frozen=True, kw_only=True)
class Repairs:
    """What was tried, or would be; `remaining` are the problems that are there afterwards."""

    attempts: tuple[Attempt, ...]
    remaining: tuple[checks.CheckMessage, ...]


def repair_problems(
    *,
    apply: bool,
    using: str = DEFAULT_DB_ALIAS,
    schema_alias: str = DEFAULT_DB_ALIAS,
    on_repair: Callable[[checks.CheckMessage], None] = lambda problem: None,
) -> Repairs:
    """Look for problems over `using`, and repair over `schema_alias`, whose role owns the tables.

    Without `apply` nothing is changed. Each repair stands for itself: what fails stops no other.
    """
    problems = tuple(find_problems(using=using))
    if not apply:
        planned = tuple(Attempt(problem=problem, outcome=_plan(problem)) for problem in problems)
        return Repairs(attempts=planned, remaining=problems)
    attempts = []
    for problem in problems:
        on_repair(problem)
        attempts.append(_attempt(problem, schema_alias))
    return Repairs(attempts=tuple(attempts), remaining=tuple(find_problems(using=using)))


def repair_of(problem: checks.CheckMessage) -> Repair | None:
    return problem.repair if isinstance(problem, RepairableError) else None


def _plan(problem: checks.CheckMessage) -> Outcome:
    return Outcome.PLANNED if repair_of(problem) else Outcome.NEEDS_A_PERSON


def _attempt(problem: checks.CheckMessage, alias: str) -> Attempt:
    repair = repair_of(problem)
    if repair is None:
        return Attempt(problem=problem, outcome=Outcome.NEEDS_A_PERSON)
    try:
        with _patience(connections[alias]):
            _execute(repair, alias)
    except DatabaseError as error:
        reason = redact(" ".join(str(error).split()))
        return Attempt(problem=problem, outcome=Outcome.FAILED, reason=reason)
    return Attempt(problem=problem, outcome=Outcome.REPAIRED)


@contextlib.contextmanager
def _patience(connection: BaseDatabaseWrapper) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        [before] = cursor.fetchone()
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_LOCK_TIMEOUT])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])


def _execute(repair: Repair, alias: str) -> None:
    with contextlib.ExitStack() as stack:
        if repair.in_transaction:
            stack.enter_context(transaction.atomic(using=alias))
        else:
            stack.callback(_drop_leftovers, alias)
        with connections[alias].cursor() as cursor:
            for statement in repair.statements:
                cursor.execute(statement)


def _drop_leftovers(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(_LEFTOVERS)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
