"""The emergency bundle: what is known of a system that may be down, and the answers of the first minutes."""

import datetime
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _

from config.database_errors import explain
from config.databases import HEALTH_ALIAS
from config.operations import machine_evidence, server_evidence
from config.operations.answers import Answer, Evidence, answer, as_page
from config.operations.evidence import (
    Part,
    Question,
    collect,
    own_connection,
    write_archive,
    write_folder,
)
from config.operations.health import Health, check_health
from config.operations.progress import SILENT, Progress

DEADLINE_SECONDS = 6
INTEGRITY_SECONDS = 20
PAGE = "answers.txt"


class UnableToWrite(Exception):
    """The bundle has no place; the answers are known all the same."""

    def __init__(self, reason: str, diagnosis: "Diagnosis") -> None:
        super().__init__(reason)
        self.diagnosis = diagnosis


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """`path` is None until it is written; `unwritten` names the files that found no room."""

    is_down: bool
    answers: tuple[Answer, ...]
    page: str
    parts: tuple[Part, ...]
    path: Path | None = None
    unwritten: tuple[str, ...] = ()


def diagnose(
    *,
    folder: Path,
    now: datetime.datetime,
    archive: bool = False,
    integrity_seconds: float = INTEGRITY_SECONDS,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Collect what can be collected, and write it below `folder`. Raises UnableToWrite."""
    diagnosis = _conclude(_collect(now, integrity_seconds, progress), now)
    name = f"diagnose-{now.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}"
    texts = {PAGE: diagnosis.page, **{part.file_name: part.text for part in diagnosis.parts}}
    try:
        unwritten = write_folder(folder=folder / name, texts=texts)
        path = write_archive(folder=folder / name) if archive else folder / name
    except OSError as error:
        raise UnableToWrite(str(error), diagnosis) from error
    return Diagnosis(**{**vars(diagnosis), "path": path, "unwritten": unwritten})


def _collect(now: datetime.datetime, integrity_seconds: float, progress: Progress) -> dict[str, Part]:
    integrity = server_evidence.IntegrityCount(alias=DEFAULT_DB_ALIAS, seconds=integrity_seconds)
    collectors: dict[str, Callable[[], Any]] = {
        "health": check_health,
        "remedy": _find_remedy,
        "migrations": server_evidence.migration_facts,
        "activity": server_evidence.activity_facts,
        "server": server_evidence.server_facts,
        "old_databases": server_evidence.old_databases,
        "newest_changes": server_evidence.newest_changes,
        "system_checks.txt": server_evidence.system_checks,
        "versions": machine_evidence.version_facts,
        "settings": machine_evidence.setting_facts,
        "disk": machine_evidence.disk_facts,
        "backups": machine_evidence.backup_facts,
        "logs": partial(machine_evidence.log_facts, now=now),
    }
    questions = [
        Question(name=name, collect=collector, seconds=DEADLINE_SECONDS)
        for name, collector in collectors.items()
    ]
    questions.append(Question(name="integrity", collect=integrity.collect, seconds=integrity_seconds))
    progress.step(_("Collecting; this takes up to half a minute"))
    parts = collect(tuple(questions), progress=progress)
    parts["integrity"] = _with_what_was_found(parts["integrity"], integrity)
    return parts


def _with_what_was_found(part: Part, integrity: server_evidence.IntegrityCount) -> Part:
    """Keep what was found until the deadline."""
    return Part(name=part.name, facts={"stopped": part.failure, **integrity.facts()})


def _find_remedy() -> str:
    """Return what to do about a database that cannot be reached, or nothing."""
    with own_connection(HEALTH_ALIAS) as connection:
        try:
            connection.ensure_connection()
        except Exception as error:
            explanation = explain(error, alias=HEALTH_ALIAS)
            return f"{explanation.cause} {explanation.remedy}" if explanation else ""
    return ""


def _conclude(collected: dict[str, Part], now: datetime.datetime) -> Diagnosis:
    health, logs, remedy = (collected[name] for name in ("health", "logs", "remedy"))
    evidence = Evidence(
        health=health.facts,
        remedy=remedy.facts or "",
        parts=collected,
        logs=logs.facts,
    )
    answers = answer(evidence=evidence)
    missing = tuple(part.file_name for part in collected.values() if part.failure)
    return Diagnosis(
        is_down=evidence.is_down,
        answers=answers,
        page=as_page(answers=answers, missing=missing, now=now),
        parts=_files(collected),
    )


def _files(collected: dict[str, Part]) -> tuple[Part, ...]:
    """Return the parts as they are written: the logs last, because they need most room."""
    parts = {name: part for name, part in collected.items() if name not in ("logs", "remedy")}
    health: Health | None = collected["health"].facts
    if health is not None:
        parts["health"] = Part(name="health", facts={"status": health.status, **asdict(health)})
    logs = collected["logs"]
    if logs.facts is None:
        return (*parts.values(), Part(name="logs.txt", failure=logs.failure))
    texts = [Part(name=name, facts=text) for name, text in logs.facts.files.items()]
    durations = Part(name="seconds_of_migrations", facts=logs.facts.seconds_of_migrations)
    return (*parts.values(), durations, *texts)
