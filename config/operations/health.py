"""Whether the system can serve: the database answers, migrations are applied, the storage is writable."""

import enum
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.translation import gettext as _

from config.operations.inspection import pending_migrations
from config.redaction import redact


class Status(enum.StrEnum):
    """The words of the draft "Health Check Response Format for HTTP APIs", worst last."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One question and its answer; `output` says why it is not a pass, without secrets."""

    name: str
    status: Status
    observed_value: int | None = None
    observed_unit: str = ""
    output: str = ""


@dataclass(frozen=True)
class Health:
    probes: tuple[Probe, ...]

    @property
    def status(self) -> Status:
        order = list(Status)
        return max((probe.status for probe in self.probes), key=order.index)


def check_health(*, alias: str = DEFAULT_DB_ALIAS, storage: Storage = default_storage) -> Health:
    """Ask every probe; a question that cannot be answered is a failed probe, never an exception."""
    database = _ask("database", lambda: _probe_database(alias))
    probes = [database, _ask("storage", lambda: _probe_storage(storage))]
    # A database that does not answer would be waited for twice.
    if database.status is Status.PASS:
        probes.insert(1, _ask("migrations", lambda: _probe_migrations(alias)))
    return Health(tuple(probes))


def _ask(name: str, probe: Callable[[], Probe]) -> Probe:
    try:
        return probe()
    # Every kind of storage and driver has exceptions of its own, and each of them means: it fails.
    except Exception as error:
        reason = redact(" ".join(str(error).split())) or type(error).__name__
        return Probe(name=name, status=Status.FAIL, output=reason)


def _probe_database(alias: str) -> Probe:
    started = time.monotonic()
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")
    return _pass_after("database", started)


def _probe_migrations(alias: str) -> Probe:
    pending = pending_migrations(connection=connections[alias])
    return Probe(
        name="migrations",
        status=Status.WARN if pending else Status.PASS,
        observed_value=len(pending),
        observed_unit="pending",
        output=_("Not applied: %(names)s") % {"names": ", ".join(map(str, pending))} if pending else "",
    )


def _probe_storage(storage: Storage) -> Probe:
    started = time.monotonic()
    name = storage.save(f".health-{uuid.uuid4().hex}", ContentFile(b"probe"))
    storage.delete(name)
    return _pass_after("storage", started)


def _pass_after(name: str, started: float) -> Probe:
    milliseconds = round((time.monotonic() - started) * 1000)
    return Probe(name=name, status=Status.PASS, observed_value=milliseconds, observed_unit="ms")
