"""Whether the server is there, is the right one, and lets us do what a migration does."""

import datetime
import time
from collections.abc import Iterator

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.utils.translation import gettext as _

from config.database_errors import explain
from config.databases import EXTENSIONS_SCHEMA
from config.operations.postgres import ProgramMissing, program_version
from config.operations.schema_change.expected_schema import REQUIRED_EXTENSIONS
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Remark,
    Remarks,
    failed,
    failed_where_strict,
    fine,
    warning,
)

_SLOW_MILLISECONDS = 100
_ROUND_TRIPS = 3
_SKEW_SECONDS, _WORST_SKEW_SECONDS = 5, 60

_EXTENSIONS = """
    SELECT wanted, name IS NOT NULL, installed_version IS NOT NULL
      FROM unnest(%s::text[]) AS wanted LEFT JOIN pg_available_extensions ON name = wanted
"""
_MAY = """
    SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
           has_parameter_privilege('deadlock_timeout', 'SET'),
           quote_ident(current_user)
"""
_IDENTITY = "SELECT current_database(), current_user, pg_is_in_recovery()"
# Waiting for somebody's lock would make others wait behind us.
_TRY = (
    "SET LOCAL lock_timeout = '200ms'",
    "CREATE TABLE preflight_probe (id integer)",
    "ALTER TABLE preflight_probe ADD COLUMN note text",
    "DROP TABLE preflight_probe",
)


def check_connection(circumstances: Circumstances) -> Remarks:
    """Connect as each role that will be needed."""
    for alias in dict.fromkeys((circumstances.alias, DEFAULT_DB_ALIAS)):
        try:
            milliseconds = _latency(alias)
        except DatabaseError as error:
            yield _unreachable(error, alias)
            if alias == circumstances.alias:
                return  # Of the other role nothing else would be known.
            continue
        facts = {"user": connections[alias].settings_dict["USER"], "milliseconds": f"{milliseconds:.2f}"}
        sentence = _("%(user)s is answered in %(milliseconds)s ms") % facts
        if milliseconds < _SLOW_MILLISECONDS:
            yield fine(sentence)
        else:
            yield warning(sentence, _("Run this nearer to the server, or look at the network: ping"))


def _latency(alias: str) -> float:
    """Return the milliseconds of the fastest of a few round trips."""
    fastest = float("inf")
    with connections[alias].cursor() as cursor:
        for _number in range(_ROUND_TRIPS):
            started = time.perf_counter()
            cursor.execute("SELECT 1")
            fastest = min(fastest, time.perf_counter() - started)
    return fastest * 1000


def _unreachable(error: DatabaseError, alias: str) -> Remark:
    explanation = explain(error, alias=alias)
    if explanation is None:
        return failed(str(error).strip(), _("Look at the log of the server."))
    return failed(explanation.cause, explanation.remedy)


def check_version(circumstances: Circumstances) -> Remarks:
    """An older server was refused when we connected."""
    [[version]] = circumstances.rows("SHOW server_version")
    yield fine(f"PostgreSQL {version}")
    try:
        program_version("pg_dump", major=circumstances.connection.pg_version // 10_000)
    except ProgramMissing as error:
        yield failed_where_strict(
            circumstances,
            _("Without the server's own client programs there is no backup and no comparison."),
            str(error),
        )


def check_database(circumstances: Circumstances) -> Remarks:
    [[name, user, is_standby]] = circumstances.rows(_IDENTITY)
    host = circumstances.connection.settings_dict["HOST"] or "localhost"
    facts = {"name": name, "user": user, "host": host}
    if is_standby:
        yield failed(
            _("%(name)s on %(host)s is a standby, which nobody can change.") % facts,
            _("Name the primary server with DB_HOST."),
        )
    else:
        yield fine(_("%(name)s on %(host)s, as %(user)s") % facts)


def check_extensions(circumstances: Circumstances) -> Remarks:
    missing = [
        (name, is_available)
        for name, is_available, is_installed in circumstances.rows(_EXTENSIONS, [list(REQUIRED_EXTENSIONS)])
        if not is_installed
    ]
    for name, is_available in missing:
        facts = {"name": name, "schema": EXTENSIONS_SCHEMA}
        remedy = _("Create it: manage.py provision")
        if not is_available:
            remedy = _("Install it on the server's machine: apt-get install postgresql-contrib")
        yield failed(_("The extension %(name)s is missing.") % facts, remedy)
    if not missing:
        yield fine(", ".join(REQUIRED_EXTENSIONS))


def check_privileges(circumstances: Circumstances) -> Remarks:
    """Do in a transaction that is rolled back what a migration does."""
    problems = [*_cannot_change_tables(circumstances), *_may_not(circumstances)]
    yield from problems
    if not problems:
        yield fine(_("may create, alter and drop tables, see all sessions, and set deadlock_timeout"))


def _cannot_change_tables(circumstances: Circumstances) -> Iterator[Remark]:
    try:
        with transaction.atomic(using=circumstances.alias), circumstances.connection.cursor() as cursor:
            for statement in _TRY:
                cursor.execute(statement)
            transaction.set_rollback(True, using=circumstances.alias)
    except DatabaseError as error:
        yield failed(
            _("A table cannot be created, altered and dropped: %(reason)s") % {"reason": str(error).strip()},
            _("To see, and to mend, what each role may do: manage.py provision --check, manage.py provision"),
        )


def _may_not(circumstances: Circumstances) -> Iterator[Remark]:
    [[sees_sessions, sets_timeout, user]] = circumstances.rows(_MAY)
    if not sees_sessions:
        yield failed_where_strict(
            circumstances,
            _("%(user)s does not see what other roles do, so nobody who blocks can be named.")
            % {"user": user},
            _("Mend it: manage.py provision; or as a superuser: %(statement)s")
            % {"statement": f"GRANT pg_monitor TO {user}"},
        )
    if not sets_timeout:
        yield warning(
            _("%(user)s may not set deadlock_timeout, so an autovacuum holds a migration up for a second.")
            % {"user": user},
            _("Mend it: manage.py provision; or as a superuser: %(statement)s")
            % {"statement": f"GRANT SET ON PARAMETER deadlock_timeout TO {user}"},
        )


def check_clock(circumstances: Circumstances) -> Remarks:
    """Compare with this machine's clock at the same moment, which is later than the `now` of the command."""
    before = time.time()
    [[moment]] = circumstances.rows("SELECT clock_timestamp()")
    middle = (before + time.time()) / 2
    skew = abs((moment - datetime.datetime.fromtimestamp(middle, datetime.UTC)).total_seconds())
    facts = {"seconds": f"{skew:.1f}"}
    if skew < _SKEW_SECONDS:
        yield fine(_("%(seconds)s s apart from the server's") % facts)
        return
    sentence = _("The clocks of this machine and of the server are %(seconds)s s apart.") % facts
    remedy = _("Set them by the network on both machines: timedatectl set-ntp true")
    if skew < _WORST_SKEW_SECONDS:
        yield warning(sentence, remedy)
    else:
        yield failed_where_strict(circumstances, sentence, remedy)
