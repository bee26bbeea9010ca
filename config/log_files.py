"""One file a day for each stream of the log, without secrets."""

import logging
import os
import sys
from datetime import datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.redaction import RedactingFormatter

MIGRATIONS_LOGGER = "config.operations.migrations"
QUERIES_LOGGER = "config.operations.slow_queries"

# The day of the committee, whatever the clock of the process is set to.
_TIME_ZONE = ZoneInfo("Asia/Seoul")


def logging_settings(*, folder: str | Path, migrations: bool) -> dict[str, Any]:
    """Return Django's LOGGING: files in `folder`, warnings on stderr.

    Without `migrations` there is no migration file; what fails or is slow is in the others all the same.
    Nothing is created before the first line is written.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "file": {"()": LineFormatter, "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
            "console": {"()": RedactingFormatter, "format": "%(levelname)s %(name)s: %(message)s"},
            "server": {
                "()": "django.utils.log.ServerFormatter",
                "format": "[{server_time}] {message}",
                "style": "{",
            },
        },
        "handlers": {
            "application": _file(folder, "application"),
            "migration": _file(folder, "migration"),
            "query": _file(folder, "query"),
            "error": _file(folder, "error", level="ERROR"),
            "console": {"class": "logging.StreamHandler", "level": "WARNING", "formatter": "console"},
            "server": {"class": "logging.StreamHandler", "formatter": "server"},
        },
        "root": {"level": "WARNING", "handlers": ["application", "error", "console"]},
        "loggers": _loggers(migrations=migrations),
    }


class DailyFile(WatchedFileHandler):
    """Appends to `<stream>-<date>.log`; a new day is a new name.

    No file is ever renamed, because several processes write to the same one. The handler follows a
    file that somebody else moves away.
    """

    def __init__(self, folder: str | Path, stream_name: str) -> None:
        self._folder = Path(folder).absolute()
        self._stream_name = stream_name
        super().__init__(self._path(datetime.now(tz=_TIME_ZONE)), encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        self.baseFilename = str(self._path(datetime.fromtimestamp(record.created, tz=_TIME_ZONE)))
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the standard library's
        """Say in one line that a log cannot be written; the work itself goes on."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and sys.stderr:
            sys.stderr.write(f"{self.baseFilename}: {error.strerror}\n")
        else:
            super().handleError(record)

    def _path(self, moment: datetime) -> Path:
        return self._folder / f"{self._stream_name}-{moment:%Y-%m-%d}.log"

    def _open(self) -> Any:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=_open_for_owner)


class LineFormatter(RedactingFormatter):
    """Writes the committee's time, to the millisecond and with its offset."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - see handleError
        return datetime.fromtimestamp(record.created, tz=_TIME_ZONE).isoformat(timespec="milliseconds")


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _file(folder: str | Path, stream_name: str, *, level: str = "DEBUG") -> dict[str, Any]:
    return {
        "()": DailyFile,
        "folder": str(folder),
        "stream_name": stream_name,
        "level": level,
        "formatter": "file",
    }


def _loggers(*, migrations: bool) -> dict[str, Any]:
    return {
        **{
            name: {"level": "INFO", "handlers": []}
            for name in ("config", "budget", "receipts", "audit", "django")
        },
        # Its lines are the terminal of `runserver`.
        "django.server": {"level": "INFO", "handlers": ["server", "application"], "propagate": False},
        # Not on the terminal: there the command that migrates says what happened.
        MIGRATIONS_LOGGER: {
            "level": "INFO" if migrations else "WARNING",
            "handlers": ["application", "error", *(["migration"] if migrations else [])],
            "propagate": False,
        },
        QUERIES_LOGGER: {"level": "INFO", "handlers": ["query"]},
    }
