"""Whether somebody is in the way: with an old transaction, a lock, or a dump of the database."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from config.operations.activity import Activity, Session, read_activity
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Remark,
    Remarks,
    failed,
    failed_where_strict,
    fine,
    warning,
)

_LOOK = "manage.py database_activity"
# By their own names: what only reads the schema is soon over, and goes by another.
_DUMPS = """
    SELECT pid, usename::text, application_name, xact_start
      FROM pg_stat_activity
     WHERE datname = current_database() AND application_name IN ('pg_dump', 'pg_dumpall', 'pg_restore')
       AND pid <> pg_backend_pid()
     ORDER BY pid
"""


def check_transactions(circumstances: Circumstances) -> Remarks:
    activity = read_activity(alias=circumstances.alias)
    remarks = [*_old_transactions(circumstances, activity), *_waiting(activity)]
    yield from remarks
    if not remarks:
        yield fine(_("nobody has held a lock or a transaction for over a minute"))


def _old_transactions(circumstances: Circumstances, activity: Activity) -> Iterator[Remark]:
    """Yield clients only: an autovacuum gives way to a migration."""
    for session in activity.sessions:
        if session.is_client and activity.is_old(session.transaction_started_at):
            sentence = _("Session %(pid)d of %(user)s has had a transaction open for %(seconds)d s: %(what)s")
            what = {"what": session.statement or session.state}
            yield failed_where_strict(
                circumstances,
                sentence % {**_facts(session, activity), **what},
                _("Look, wait, or end it: %(look)s, %(look)s --terminate %(pid)d")
                % {"look": _LOOK, "pid": session.pid},
            )
    for prepared in activity.prepared:
        if activity.is_old(prepared.prepared_at):
            sentence = _("The prepared transaction %(name)s of %(user)s holds its locks until it is ended.")
            yield failed_where_strict(
                circumstances,
                sentence % {"name": prepared.identifier, "user": prepared.owner},
                f"ROLLBACK PREPARED '{prepared.identifier}'",
            )


def _waiting(activity: Activity) -> Iterator[Remark]:
    """Yield who has been waiting for long, although nobody's transaction is that old."""
    for session in activity.blocked:
        wait = session.wait
        if wait is not None and activity.is_old(wait.since):
            sentence = _("Session %(pid)d of %(user)s has been waiting for a lock since %(since)s.")
            since = {"since": wait.since.isoformat(timespec="seconds") if wait.since else ""}
            yield warning(
                sentence % {**_facts(session, activity), **since},
                _("See who blocks whom: %(look)s") % {"look": _LOOK},
            )


def _facts(session: Session, activity: Activity) -> dict[str, object]:
    seconds = activity.seconds_since(session.transaction_started_at)
    return {"pid": session.pid, "user": session.user, "seconds": seconds}


def check_dumps(circumstances: Circumstances) -> Remarks:
    dumps = circumstances.rows(_DUMPS)
    for pid, user, program, _since in dumps:
        sentence = _("%(program)s of %(user)s (session %(pid)d) is at work: it holds a lock on every table.")
        yield failed(
            sentence % {"program": program, "user": user, "pid": pid},
            _("Wait for its end; to watch it: %(look)s --watch") % {"look": _LOOK},
        )
    if not dumps:
        yield fine(_("nobody is dumping the database"))
