"""What a terminal shows of an Activity: lines of a given width, each with what it means."""

import datetime
import enum
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.operations.activity import PREPARED, Activity, Lock, Session
from config.operations.lock_tree import LockNode, lock_tree


class Meaning(enum.Enum):
    PLAIN = enum.auto()
    HEADING = enum.auto()
    GOOD = enum.auto()
    NOTE = enum.auto()
    BAD = enum.auto()
    COMMAND = enum.auto()


@dataclass(frozen=True)
class Line:
    text: str
    meaning: Meaning = Meaning.PLAIN


def report(*, activity: Activity, width: int) -> tuple[Line, ...]:
    """Return the report, cut to `width` columns but for commands to type; a Korean syllable takes two."""
    return tuple(
        line if line.meaning is Meaning.COMMAND else Line(_clip(line.text, width), line.meaning)
        for line in _lines(activity)
    )


def describe_session(*, session: Session) -> str:
    """Return pid, user, application and client of a session, and what it is doing."""
    application = f" “{session.application}”" if session.application else ""
    client = session.client or _("local socket")
    return f"{session.pid} {session.user}{application} · {client} · {_state(session)}"


def _lines(activity: Activity) -> Iterator[Line]:
    yield Line(_summary(activity), Meaning.HEADING)
    yield from _tree(activity)
    limit = _duration(activity.longer_than_seconds)
    yield from _section(
        _("Running for longer than %(limit)s") % {"limit": limit}, activity.long_running, activity
    )
    yield from _section(_("Idle in an open transaction"), activity.idle_transactions, activity)
    yield from _prepared(activity)
    if activity.is_healthy:
        yield Line(
            _("Nobody waits for a lock, and nothing is older than %(limit)s.") % {"limit": limit},
            Meaning.GOOD,
        )
    yield from _note_on_hidden(activity)


def _summary(activity: Activity) -> str:
    return _("Database %(database)s · %(time)s · sessions: %(all)d, active: %(active)d") % {
        "database": activity.database,
        "time": _clock(activity.observed_at),
        "all": len(activity.sessions),
        "active": sum(session.is_active for session in activity.sessions),
    }


def _tree(activity: Activity) -> Iterator[Line]:
    if not activity.blocked:
        return
    count = len(activity.blocked)
    yield Line("")
    yield Line(
        ngettext(
            "%(count)d session waits for a lock, under the one that it waits for:",
            "%(count)d sessions wait for locks, each under the one that it waits for:",
            count,
        )
        % {"count": count},
        Meaning.HEADING,
    )
    for root in lock_tree(sessions=activity.sessions):
        yield from _node(root, activity, first="", rest="", meaning=Meaning.BAD)
        if root.session is not None:
            yield _command(_("To end it: %(command)s"), f"manage.py database_activity --terminate {root.pid}")


def _node(node: LockNode, activity: Activity, *, first: str, rest: str, meaning: Meaning) -> Iterator[Line]:
    """Yield a node's lines after the branch `first`, or beside it after `rest`, then its waiters."""
    yield Line(first + _name(node), meaning)
    if node.session is not None and not node.shown_before:
        rail = rest + ("│ " if node.waiters else "  ")
        for text in _details(node.session, activity):
            yield Line(rail + text)
    for number, waiter in enumerate(node.waiters, start=1):
        last = number == len(node.waiters)
        yield from _node(
            waiter,
            activity,
            first=rest + ("└─ " if last else "├─ "),
            rest=rest + ("   " if last else "│  "),
            meaning=Meaning.NOTE,
        )


def _name(node: LockNode) -> str:
    if node.pid == PREPARED:
        return _("a prepared transaction (listed below)")
    if node.session is None:
        return _("%(pid)d (has just ended, or uses another database)") % {"pid": node.pid}
    if node.shown_before:
        return _("%(pid)d (shown above)") % {"pid": node.pid}
    name = describe_session(session=node.session)
    return _("↺ deadlock · %(session)s") % {"session": name} if node.in_circle else name


def _details(session: Session, activity: Activity) -> Iterator[str]:
    if session.wait is not None:
        yield _("waits for %(lock)s, %(since)s") % {
            "lock": _lock(session.wait.lock),
            "since": _since(session.wait.since, activity),
        }
    if len(session.blocked_by) > 1:
        yield _("behind %(pids)s") % {"pids": ", ".join(map(str, session.blocked_by))}
    if session.statement:
        yield session.statement
    if session.wait is None and session.transaction_started_at is not None:
        yield _("transaction: %(since)s") % {"since": _since(session.transaction_started_at, activity)}
    if session.locks:
        yield _("holds: %(locks)s") % {"locks": ", ".join(map(_lock, session.locks))}


def _section(title: str, sessions: Iterable[Session], activity: Activity) -> Iterator[Line]:
    for number, session in enumerate(sessions):
        if number == 0:
            yield Line("")
            yield Line(title, Meaning.HEADING)
        old = activity.is_old(session.transaction_started_at)
        yield Line(describe_session(session=session), Meaning.BAD if old else Meaning.PLAIN)
        yield Line("  " + _ages(session, activity))
        yield Line("  " + session.statement)


def _ages(session: Session, activity: Activity) -> str:
    moment = session.state_changed_at if session.is_idle_in_transaction else session.statement_started_at
    text = (
        _("transaction: %(transaction)s; idle: %(state)s")
        if session.is_idle_in_transaction
        else _("transaction: %(transaction)s; statement: %(state)s")
    )
    return text % {
        "transaction": _since(session.transaction_started_at, activity),
        "state": _since(moment, activity),
    }


def _prepared(activity: Activity) -> Iterator[Line]:
    for number, prepared in enumerate(activity.prepared):
        if number == 0:
            yield Line("")
            yield Line(_("Prepared transactions, which end only when somebody ends them"), Meaning.HEADING)
        old = activity.is_old(prepared.prepared_at)
        yield Line(
            f"“{prepared.identifier}” · {prepared.owner} · {_since(prepared.prepared_at, activity)}",
            Meaning.BAD if old else Meaning.PLAIN,
        )
        identifier = prepared.identifier.replace("'", "''")
        yield _command(_("To complete it: %(command)s"), f"COMMIT PREPARED '{identifier}'")
        yield _command(_("To take it back: %(command)s"), f"ROLLBACK PREPARED '{identifier}'")


def _note_on_hidden(activity: Activity) -> Iterator[Line]:
    if activity.hidden:
        yield Line("")
        yield Line(
            _("Sessions of other roles whose details the server hides: %(count)d")
            % {"count": len(activity.hidden)},
            Meaning.NOTE,
        )
        grant = f'GRANT pg_read_all_stats TO "{activity.user}"'
        yield _command(_("To see them, as a superuser: %(command)s"), grant)


def _command(sentence: str, command: str) -> Line:
    return Line("→ " + sentence % {"command": command}, Meaning.COMMAND)


def _state(session: Session) -> str:
    if not session.visible:
        return _("details hidden")
    names = {
        "active": _("running a statement"),
        "idle": _("idle"),
        "idle in transaction": _("idle in transaction"),
        "idle in transaction (aborted)": _("idle in failed transaction"),
    }
    return names.get(session.state) or session.state or session.kind


def _lock(lock: Lock) -> str:
    if lock.kind == "relation":
        return f"{lock.mode} {lock.table}"
    if lock.kind in ("transactionid", "tuple"):
        return _("a row of %(table)s") % {"table": lock.table} if lock.table else _("a row")
    if lock.kind == "virtualxid":
        return _("the end of a transaction")
    if lock.kind == "advisory":
        return _("advisory lock")
    return f"{lock.mode} {lock.kind}"


def _since(moment: datetime.datetime | None, activity: Activity) -> str:
    if moment is None:
        return "?"
    seconds = activity.seconds_since(moment)
    return _("for %(duration)s (since %(time)s)") % {"duration": _duration(seconds), "time": _clock(moment)}


def _clock(moment: datetime.datetime) -> str:
    return f"{timezone.localtime(moment):%H:%M:%S}"


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        (days, _("%(count)d d")),
        (hours, _("%(count)d h")),
        (minutes, _("%(count)d min")),
        (seconds, _("%(count)d s")),
    ]
    shown = [text % {"count": count} for count, text in parts if count]
    return " ".join(shown[:2]) or parts[-1][1] % {"count": 0}


def _clip(text: str, width: int) -> str:
    if sum(map(_columns, text)) <= width:
        return text
    taken, used = "", 0
    for character in text:
        used += _columns(character)
        if used >= width:
            break
        taken += character
    return taken + "…"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
