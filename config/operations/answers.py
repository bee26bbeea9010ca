"""The page for the first fifteen minutes: five questions, each with its evidence and the command to type."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from config.operations.evidence import Part
from config.operations.health import Health, Status
from config.operations.machine_evidence import LogFacts

_NEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`commands` are what to type next, the most likely first."""

    question: str
    lines: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The parts that answers are made of, with nothing in them where collecting failed."""

    health: Health | None
    remedy: str  # What to do about a database that does not answer.
    parts: Mapping[str, Part]
    logs: LogFacts | None

    def facts(self, name: str) -> dict[str, Any]:
        part = self.parts.get(name)
        return part.facts if part is not None and isinstance(part.facts, dict) else {}

    @property
    def is_down(self) -> bool:
        return self.health is None or self.health.status is Status.FAIL

    @property
    def newest_migrations(self) -> list[dict[str, Any]]:
        return list(self.facts("migrations").get("applied", ()))[:_NEWEST]

    @property
    def backup(self) -> dict[str, Any] | None:
        """The newest backup that is proved, and that this code can restore."""
        facts = self.facts("backups")
        name = facts.get("newest_to_restore")
        return next((each for each in facts.get("backups", ()) if each["name"] == name), None)

    @property
    def old_databases(self) -> list[str]:
        part = self.parts.get("old_databases")
        return list(part.facts or ()) if part else []


def answer(*, evidence: Evidence) -> tuple[Answer, ...]:
    return (
        Answer(
            question=_("1. Is it down?"),
            lines=tuple(_is_it_down(evidence)),
            commands=tuple(filter(None, (evidence.remedy, "manage.py health"))),
        ),
        Answer(
            question=_("2. Since when?"),
            lines=tuple(_since_when(evidence)) or (_("Unknown: neither the server nor the logs tell."),),
            commands=_commands_about_time(evidence),
        ),
        Answer(
            question=_("3. What changed last?"),
            lines=tuple(_what_changed(evidence)) or (_("Unknown."),),
            commands=("manage.py showmigrations", "manage.py list_backups"),
        ),
        Answer(
            question=_("4. Can it be rolled back?"),
            lines=tuple(_can_it_be_rolled_back(evidence)) or (_("Unknown: there is nothing to go back to."),),
            commands=tuple(_ways_back(evidence)) or ("manage.py list_backups",),
        ),
        Answer(
            question=_("5. How long will that take?"),
            lines=tuple(_how_long(evidence)),
            commands=("manage.py verify_backup",),
        ),
    )


def as_page(*, answers: tuple[Answer, ...], missing: tuple[str, ...], now: datetime.datetime) -> str:
    lines = [_("The first fifteen minutes · %(time)s") % {"time": _moment(now)}]
    for each in answers:
        lines += ["", each.question, *(f"  {line}" for line in each.lines)]
        lines += [f"  → {command}" for command in each.commands]
    if missing:
        lines += ["", _("Could not be collected: %(parts)s") % {"parts": ", ".join(missing)}]
    lines += ["", _("What to do within 5, 15 and 30 minutes: docs/emergency.md")]
    return "\n".join(lines) + "\n"


def _is_it_down(evidence: Evidence) -> Iterator[str]:
    if evidence.health is None:
        yield _("Unknown: the health check itself failed.")
        return
    verdicts = {
        Status.PASS: _("No. It serves."),
        Status.WARN: _("No, but not all is well."),
        Status.FAIL: _("Yes."),
    }
    yield verdicts[evidence.health.status]
    for probe in evidence.health.probes:
        if probe.status is not Status.PASS:
            yield f"{probe.name}: {probe.output}"


def _since_when(evidence: Evidence) -> Iterator[str]:
    server = evidence.facts("server")
    if server:
        yield _("The server has been running since %(time)s.") % {"time": _moment(server["started_at"])}
    logs = evidence.logs
    if logs is None:
        return
    if logs.last_good:
        yield _("The last line of today's log without an error: %(time)s.") % {"time": logs.last_good}
    if logs.first_error_after:
        yield _("The first error after it: %(time)s.") % {"time": logs.first_error_after}
    if logs.last_error:
        yield _("The last error: %(time)s.") % {"time": logs.last_error}


def _commands_about_time(evidence: Evidence) -> tuple[str, ...]:
    if evidence.logs is not None and evidence.logs.error_file:
        return (f"tail -n 50 {evidence.logs.error_file}",)
    return ("manage.py database_activity",)


def _what_changed(evidence: Evidence) -> Iterator[str]:
    for migration in evidence.newest_migrations:
        yield _("Migration %(name)s, applied %(time)s.") % {
            "name": migration["name"],
            "time": _moment(migration["applied_at"]),
        }
    rows = {name: at for name, at in evidence.facts("newest_changes").items() if hasattr(at, "year")}
    if rows:
        table = max(rows, key=lambda name: rows[name])
        yield _("Rows of %(table)s, written %(time)s.") % {"table": table, "time": _moment(rows[table])}
    for backup in evidence.facts("backups").get("backups", ())[:1]:
        if "started_at" in backup:
            yield _("Newest backup: %(name)s (%(state)s), %(time)s.") % {
                "name": backup["name"],
                "state": backup["state"],
                "time": _moment(backup["started_at"]),
            }
    versions = evidence.facts("versions")
    if versions:
        facts = {"version": versions["project"], "commit": versions["commit"] or "?"}
        yield _("Code: version %(version)s, commit %(commit)s.") % facts


def _can_it_be_rolled_back(evidence: Evidence) -> Iterator[str]:
    for migration in evidence.newest_migrations[:1]:
        sentence = (
            _("Migration %(name)s can be taken back; what it has made, with the rows, goes to the attic.")
            if migration["reversible"]
            else _("Migration %(name)s cannot be taken back by this code.")
        )
        yield sentence % migration
    for name in evidence.old_databases[:1]:
        yield _("A restore kept the database before it: %(name)s. It can be swapped back.") % {"name": name}
    if evidence.backup:
        yield _("The backup %(name)s of %(time)s is proved. What was written since is lost.") % {
            "name": evidence.backup["name"],
            "time": _moment(evidence.backup["started_at"]),
        }
    elif evidence.facts("backups"):
        yield _("There is no proved backup that this code can restore.")


def _ways_back(evidence: Evidence) -> Iterator[str]:
    """Yield the commands from the one that loses least to the one that loses most."""
    newest = evidence.newest_migrations
    if newest and newest[0]["reversible"]:
        yield "manage.py revert"
    if evidence.old_databases:
        yield "manage.py restore --undo"
    if evidence.backup:
        yield f"manage.py restore {evidence.backup['name']}"


def _how_long(evidence: Evidence) -> Iterator[str]:
    for migration in evidence.newest_migrations[:1]:
        seconds = evidence.logs.seconds_of_migrations.get(migration["name"]) if evidence.logs else None
        facts = {"name": migration["name"], "seconds": seconds}
        yield (
            _("Taking back %(name)s: unknown; the log does not tell how long it took to apply.") % facts
            if seconds is None
            else _("Taking back %(name)s: applying it took %(seconds).1f s.") % facts
        )
    if evidence.old_databases:
        yield _("Swapping back: two renames; how long closing the connections takes is unknown.")
    backup = evidence.backup
    if backup:
        seconds = sum(backup["seconds"].values())
        yield _("Restoring %(name)s: verifying it, with a full restore, took %(seconds).1f s.") % {
            "name": backup["name"],
            "seconds": backup["restored_in_seconds"],
        }
        yield _("The safety backup before that: writing the last one took %(seconds).1f s.") % {
            "seconds": seconds
        }
    else:
        yield _("Restoring: unknown, because no backup has been restored yet.")


def _moment(moment: datetime.datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"
