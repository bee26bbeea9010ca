"""Says why a migration failed, without what stands in any row."""

import re

import psycopg
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _

from config.database_errors import explain
from config.migration_operations.failures import OperationFailed
from config.migration_operations.guard import PatienceEnded
from config.operations.schema_change.migration_runner import ChangedMeanwhile
from config.operations.schema_change.step_runner import RuleViolated
from config.redaction import redact

_OURS = (OperationFailed, RuleViolated, ChangedMeanwhile, PatienceEnded)
_DISK_FULL = "53100"
_DATA_EXCEPTION = "22"  # The class of errors whose message repeats the value.
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|“[^”]*”|«[^»]*»")


def words_of(error: BaseException, *, alias: str) -> str:
    """Return the cause of a failure on the connection `alias`, fit for a terminal, a log and the record."""
    if isinstance(error, _OURS):
        return redact(str(error))
    reported = _reported(error)
    if reported is None:
        return redact(f"{type(error).__name__}: {error}".strip())
    if reported.sqlstate is None or reported.diag.message_primary is None:
        explanation = explain(error, alias=alias)
        return explanation.cause if explanation else _("The connection to the database was lost.")
    if reported.sqlstate == _DISK_FULL and (explanation := explain(error, alias=alias)):
        return f"{explanation.cause}\n→ {explanation.remedy}"
    words = reported.diag.message_primary
    if reported.sqlstate.startswith(_DATA_EXCEPTION):
        words = _QUOTED.sub("…", words)
    return redact(words)


def _reported(error: BaseException) -> psycopg.Error | None:
    if not isinstance(error, (DatabaseError, InterfaceError)):
        return None
    cause = error.__cause__
    return cause if isinstance(cause, psycopg.Error) else None
