"""`manage.py database_activity`: who waits for whose lock, what runs too long, and how to end it."""

import argparse
import json
import shutil
import sys
import time
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils.translation import gettext as _

from config.databases import OWNER_ALIAS
from config.operations.activity import LONG_SECONDS, Activity, Session, read_activity
from config.operations.activity_report import Line, Meaning, describe_session, report
from config.operations.confirmation import NotConfirmed, is_typed, plain
from config.operations.lock_tree import LockNode, lock_tree
from config.operations.session_end import Ending, UnableToEnd, end_session

# A page that is mailed or pasted keeps its shape.
_WIDTH = 80
_PAUSE_SECONDS = 2
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Command(BaseCommand):
    help = _("Show who waits for whose lock, what has been running too long, and end a session.")
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))
        parser.add_argument(
            "--longer-than",
            type=_seconds,
            default=LONG_SECONDS,
            metavar="SECONDS",
            help=_("What is older is reported as too long (default: %(default)s seconds)."),
        )
        parser.add_argument(
            "--watch", action="store_true", help=_("Show it again every two seconds, until Ctrl-C.")
        )
        parser.add_argument(
            "--terminate",
            type=int,
            metavar="PID",
            help=_("End this session; its transaction is rolled back."),
        )
        parser.add_argument(
            "--cancel",
            action="store_true",
            help=_("With --terminate: cancel the running statement, and leave the session."),
        )
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="interactive",
            help=_("With --terminate: do not ask for the name of the database."),
        )

    def handle(self, *args: Any, terminate: int | None, watch: bool, **options: Any) -> None:
        self._refuse_contradictions(terminate=terminate, watch=watch, **options)
        if terminate is not None:
            self._end(terminate, **options)
        elif watch:
            self._watch(options["longer_than"])
        else:
            self._show(**options)

    def _refuse_contradictions(
        self, *, terminate: int | None, watch: bool, as_json: bool, cancel: bool, **options: Any
    ) -> None:
        if cancel and terminate is None:
            raise CommandError(_("--cancel needs a session: --terminate PID --cancel"), returncode=2)
        if watch and (as_json or terminate is not None):
            raise CommandError(_("--watch goes with neither --json nor --terminate."), returncode=2)
        if watch and not self.stdout.isatty():
            raise CommandError(
                _("--watch needs a terminal.\n→ For a file or a script: manage.py database_activity --json"),
                returncode=2,
            )

    def _show(self, *, longer_than: int, as_json: bool, verbosity: int, **options: Any) -> None:
        activity = read_activity(alias=OWNER_ALIAS, longer_than_seconds=longer_than)
        if as_json:
            self.stdout.write(_as_json(activity))
        elif verbosity:
            for line in report(activity=activity, width=_WIDTH):
                self.stdout.write(self._styled(line))
        if not activity.is_healthy:
            sys.exit(1)

    def _watch(self, longer_than: int) -> None:
        try:
            while True:
                lines = report(
                    activity=read_activity(alias=OWNER_ALIAS, longer_than_seconds=longer_than), width=_WIDTH
                )
                self._redraw(lines)
                time.sleep(_PAUSE_SECONDS)
        except KeyboardInterrupt:
            self.stdout.write("")

    def _redraw(self, lines: tuple[Line, ...]) -> None:
        # Longer than the screen, it would scroll, and the next drawing would start in the wrong place.
        rows = shutil.get_terminal_size().lines - 1
        drawing = "".join(f"{self._styled(line)}{_REST_OF_LINE}\n" for line in lines[:rows])
        self.stdout.write(f"{_HOME}{drawing}{_REST_OF_SCREEN}", ending="")
        self.stdout.flush()

    def _end(self, pid: int, *, cancel: bool, interactive: bool, as_json: bool, **options: Any) -> None:
        try:
            ending = end_session(
                pid=pid,
                only_statement=cancel,
                confirm=self._confirm if interactive else lambda session: True,
                alias=OWNER_ALIAS,
            )
        except UnableToEnd as error:
            raise CommandError(str(error), returncode=2) from error
        except NotConfirmed as error:
            raise CommandError(str(error), returncode=1) from error
        if as_json:
            self.stdout.write(
                json.dumps({"pid": pid, "only_statement": ending.only_statement, "ended": ending.ended})
            )
        elif options["verbosity"]:
            self.stdout.write(_sentence(ending), self.style.SUCCESS if ending.ended else self.style.ERROR)
        if not ending.ended:
            sys.exit(1)

    def _confirm(self, session: Session) -> bool:
        database = str(connection.settings_dict["NAME"])
        self.stderr.write(describe_session(session=session), plain)
        self.stderr.write(f"  {session.statement}", plain)
        question = _("Type the name of the database (%(database)s) to end it: ") % {"database": database}
        return is_typed(name=database, question=question, output=self.stderr)

    def _styled(self, line: Line) -> str:
        styles = {
            Meaning.PLAIN: plain,
            Meaning.COMMAND: plain,
            Meaning.HEADING: self.style.MIGRATE_HEADING,
            Meaning.GOOD: self.style.SUCCESS,
            Meaning.NOTE: self.style.WARNING,
            Meaning.BAD: self.style.ERROR,
        }
        return str(styles[line.meaning](line.text))


def _seconds(text: str) -> int:
    # Other digits and signs than these, int() would take as well.
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(_("“%(text)s” is not a number of seconds.") % {"text": text})
    return int(text)


def _sentence(ending: Ending) -> str:
    sentences = {
        (False, True): _("Session %(pid)d has ended; what it had not committed is rolled back."),
        (False, False): _("Session %(pid)d was told to end, but is still there. Look again soon."),
        (True, True): _("The statement of session %(pid)d has ended; the session is still there."),
        (True, False): _(
            "Session %(pid)d was told to cancel its statement, but still runs it. Look again soon."
        ),
    }
    return sentences[ending.only_statement, ending.ended] % {"pid": ending.session.pid}


def _as_json(activity: Activity) -> str:
    answer = {
        "healthy": activity.is_healthy,
        **asdict(activity),
        "blocked": [session.pid for session in activity.blocked],
        "long_running": [session.pid for session in activity.long_running],
        "idle_transactions": [session.pid for session in activity.idle_transactions],
        "hidden": [session.pid for session in activity.hidden],
        "lock_tree": [_branch(root) for root in lock_tree(sessions=activity.sessions)],
    }
    return json.dumps(answer, ensure_ascii=False, default=lambda moment: moment.isoformat())


def _branch(node: LockNode) -> dict[str, Any]:
    return {"pid": node.pid, "in_circle": node.in_circle, "waiters": [_branch(w) for w in node.waiters]}
