"""What a bad night asks of this machine: versions, settings, disks, logs and backups; no secret."""

import datetime
import platform
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import django
import psycopg
from django.conf import settings

from config.env import BASE_DIR
from config.operations.backups import ListedBackup, list_backups
from config.operations.health import folder_that_exists
from config.operations.manifest import State
from config.operations.personal_data import without_people

STREAMS = ("error", "application", "migration", "query")
LARGEST_LOG = 2_000_000  # bytes of each file, from its end

# What is not named here stays here: a setting of tomorrow may be a secret.
_SETTINGS = (
    *("ENVIRONMENT", "DEBUG", "ALLOWED_HOSTS", "LANGUAGE_CODE", "TIME_ZONE", "USE_TZ", "INSTALLED_APPS"),
    *("MIDDLEWARE", "MIGRATIONS_RUN", "MIGRATIONS_LOGGING", "DROP_SCHEMA", "SLOW_QUERY_SECONDS"),
    *("SLOW_MIGRATION_SECONDS", "MEDIA_ROOT", "STATIC_ROOT", "BACKUP_DIR", "SECURE_SSL_REDIRECT"),
    *("SECURE_HSTS_SECONDS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"),
)
_DATABASE_SETTINGS = ("ENGINE", "HOST", "PORT", "NAME", "USER", "CONN_MAX_AGE")
_CONFIGURED_OR_NOT = ("NOTIFY_WEBHOOK_URL", "NOTIFY_EMAIL_RECIPIENTS")
_LINE = re.compile(r"^(?P<time>\d{4}-\d\d-\d\dT\S+) (?P<level>[A-Z]+) (?P<logger>[\w.]+):", re.MULTILINE)
_DURATION = re.compile(r"config\.operations\.migrations: (\S+) (applied|reverted) in ([\d.]+) s")
_SEOUL = ZoneInfo("Asia/Seoul")


@dataclass(frozen=True, kw_only=True)
class LogFacts:
    """Times as the log writes them; `files` is name → text without people."""

    files: dict[str, str]
    last_good: str
    first_error_after: str
    last_error: str
    error_file: str
    seconds_of_migrations: dict[str, float]


def version_facts() -> dict[str, Any]:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "project": project["version"],
        "commit": _commit(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "psycopg": psycopg.__version__,
        "libpq": psycopg.pq.version(),
        "system": platform.platform(),
    }


def _commit() -> str:
    """Return what git says of the code, or nothing where this is no clone."""
    git = shutil.which("git")
    if git is None or not (BASE_DIR / ".git").exists():
        return ""
    command = [git, "-C", str(BASE_DIR), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    return done.stdout.strip()


def setting_facts() -> dict[str, Any]:
    facts = {name: getattr(settings, name, None) for name in _SETTINGS}
    for name in _CONFIGURED_OR_NOT:
        facts[name] = "configured" if getattr(settings, name, None) else "not configured"
    facts["DATABASES"] = {
        alias: {name: database.get(name) for name in _DATABASE_SETTINGS}
        for alias, database in settings.DATABASES.items()
    }
    return facts


def disk_facts() -> dict[str, Any]:
    """Return purpose → bytes of the file system that its folder is on."""
    folders = {"files": settings.MEDIA_ROOT, "backups": settings.BACKUP_DIR, "logs": log_folder()}
    if settings.CLUSTER is not None:
        folders["database"] = settings.CLUSTER.folder
    facts = {}
    for purpose, folder in folders.items():
        path = Path(folder).absolute()
        usage = shutil.disk_usage(folder_that_exists(path))
        facts[purpose] = {
            "folder": str(path),
            "exists": path.is_dir(),
            "free": usage.free,
            "total": usage.total,
        }
    return facts


def log_folder() -> Path:
    return Path(settings.LOGGING["handlers"]["application"]["folder"])


def log_facts(*, now: datetime.datetime) -> LogFacts:
    """Read the logs of the day, and of older days what tells of migrations."""
    day = f"{now.astimezone(_SEOUL):%Y-%m-%d}"
    folder = log_folder()
    paths = [folder / f"{stream}-{day}.log" for stream in STREAMS]
    texts = {path.name: _tail(path) for path in paths if path.exists()}
    application = texts.get(f"application-{day}.log", "")
    errors = texts.get(f"error-{day}.log", "")
    lines = sorted((line["time"], line["level"]) for line in _LINE.finditer(f"{application}\n{errors}"))
    good = [time for time, level in lines if level not in ("ERROR", "CRITICAL")]
    bad = [time for time, level in lines if level in ("ERROR", "CRITICAL")]
    last_good = good[-1] if good else ""
    return LogFacts(
        files={name: without_people(text) for name, text in texts.items()},
        last_good=last_good,
        first_error_after=next((time for time in bad if time > last_good), ""),
        last_error=bad[-1] if bad else "",
        error_file=str(folder / f"error-{day}.log") if errors else "",
        seconds_of_migrations=dict(_durations(folder)),
    )


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LARGEST_LOG))
        content = file.read(LARGEST_LOG)
    if size > LARGEST_LOG:  # The first line has lost its beginning, by which it would be understood.
        content = content.partition(b"\n")[2]
    return content.decode("utf-8", errors="replace")


def _durations(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield migration → seconds, the newest last."""
    for path in sorted(folder.glob("migration-*.log"))[-30:]:
        for name, verb, seconds in _DURATION.findall(_tail(path)):
            if verb == "applied":
                yield name, float(seconds)


def backup_facts() -> dict[str, Any]:
    folder = Path(settings.BACKUP_DIR)
    found = list_backups(folder=folder) if folder.is_dir() else ()
    proved = next((each for each in found if each.state == State.VERIFIED and each.is_restorable), None)
    return {
        "folder": str(folder),
        "folder_exists": folder.is_dir(),
        "newest_to_restore": proved.name if proved else None,
        "backups": [_describe(backup) for backup in found],
    }


def _describe(backup: ListedBackup) -> dict[str, Any]:
    manifest = backup.manifest
    facts: dict[str, Any] = {
        "name": backup.name,
        "state": backup.state,
        "restorable": backup.is_restorable,
        "problem": without_people(backup.problem) if manifest is None else backup.problem,
        "unknown_migrations": backup.unknown_migrations,
    }
    if manifest is not None:
        facts |= {
            "started_at": manifest.started_at,
            "bytes": manifest.size,
            "project_version": manifest.project_version,
            "migrations": manifest.migrations[-5:],
            "seconds": manifest.seconds,
            "verified": [[proof.level, proof.at, proof.passed, proof.seconds] for proof in manifest.verified],
            "restored_in_seconds": manifest.proof.seconds
            if manifest.state is State.VERIFIED and manifest.proof
            else None,
        }
    return facts
