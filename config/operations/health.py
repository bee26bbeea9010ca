"""Whether the system can serve: the database answers, migrations are applied, the storage is writable."""

import enum
import importlib.util
import pkgutil
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from config.databases import HEALTH_ALIAS
from config.operations.inquiry import Inquiry, NoAnswer, ask
from config.operations.inspection import PendingMigration, pending_migrations
from config.redaction import redact

# For all probes together: they are asked at the same time.
PATIENCE_SECONDS = 2
GIGABYTE = 1_000_000_000
SMALLEST_FREE_DISK = 2 * GIGABYTE
MOST_NAMES = 5


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


Probes = tuple[Probe, ...]


@dataclass(frozen=True)
class Health:
    probes: Probes

    @property
    def status(self) -> Status:
        order = list(Status)
        return max((probe.status for probe in self.probes), key=order.index)


def check_readiness(*, alias: str = HEALTH_ALIAS, storage: Storage = default_storage) -> Health:
    """Ask what a request needs; what is not answered in time is a failed probe, never an exception."""
    database = _ask(("database", alias), partial(_probe_database, alias))
    files = _ask(("storage", id(storage)), partial(_probe_storage, storage))
    return Health((*_answer("database", database), *_answer("storage", files)))


def check_health(*, alias: str = HEALTH_ALIAS, storage: Storage = default_storage) -> Health:
    """Ask what a request needs, and whether the disk has room for tomorrow."""
    disk = _ask(("disk", id(storage)), partial(_probe_disk, storage))
    readiness = check_readiness(alias=alias, storage=storage)
    return Health((*readiness.probes, *_answer("disk", disk)))


def _ask(key: tuple[object, ...], question: Callable[[], Probes]) -> Inquiry[Probes]:
    return ask(key=key, question=question, seconds=PATIENCE_SECONDS)


def _answer(name: str, inquiry: Inquiry[Probes]) -> Probes:
    try:
        return inquiry.wait()
    except NoAnswer:
        reason = _("no answer within %(seconds)d s") % {"seconds": PATIENCE_SECONDS}
        return (Probe(name=name, status=Status.FAIL, output=reason),)
    # Every kind of storage and driver has exceptions of its own, and each of them means: it fails.
    except Exception as error:
        return (_failure(name, error),)


def _failure(name: str, error: Exception) -> Probe:
    reason = redact(" ".join(str(error).split())) or type(error).__name__
    return Probe(name=name, status=Status.FAIL, output=reason)


def _probe_database(alias: str) -> Probes:
    """Ask over a connection that belongs to this thread alone; without one there is no second question."""
    connection = connections[alias]
    try:
        started = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return _pass_after("database", started), _probe_migrations(connection)
    finally:
        connection.close()


def _probe_migrations(connection: BaseDatabaseWrapper) -> Probe:
    try:
        pending = _pending(connection)
    except Exception as error:
        return _failure("migrations", error)
    return Probe(
        name="migrations",
        status=_judge_pending(connection) if pending else Status.PASS,
        observed_value=len(pending),
        observed_unit="pending",
        output=_name_pending(pending) if pending else "",
    )


def _judge_pending(connection: BaseDatabaseWrapper) -> Status:
    """No failure while a release is rolled out: the processes of the one before must stay in service.

    But where nobody can sign in, because there are no tables, nothing can be served.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NULL", [get_user_model()._meta.db_table])
        (never_migrated,) = cursor.fetchone()
    return Status.FAIL if never_migrated else Status.WARN


def _name_pending(pending: tuple[PendingMigration, ...]) -> str:
    names = ", ".join(map(str, pending[:MOST_NAMES]))
    return _("Not applied: %(names)s") % {"names": names + (", …" if len(pending) > MOST_NAMES else "")}


def _pending(connection: BaseDatabaseWrapper) -> tuple[PendingMigration, ...]:
    """Return what `migrate` would apply. Django's graph is built only when something is not recorded."""
    recorded = MigrationRecorder(connection).applied_migrations().keys()
    if recorded >= set(_migrations_on_disk()):
        return ()
    return pending_migrations(connection=connection)


def _migrations_on_disk() -> Iterator[tuple[str, str]]:
    """Yield (app, name) by the rules of Django's loader, without importing anything."""
    for config in apps.get_app_configs():
        package, _explicit = MigrationLoader.migrations_module(config.label)
        found = importlib.util.find_spec(package) if package else None
        if found is None or found.origin is None:  # no migrations, or a folder that is no package
            continue
        for module in pkgutil.iter_modules(found.submodule_search_locations):
            if not module.ispkg and module.name[0] not in "_~":
                yield config.label, module.name


def _probe_storage(storage: Storage) -> Probes:
    started = time.monotonic()
    name = storage.save(f".health-{uuid.uuid4().hex}", ContentFile(b"probe"))
    storage.delete(name)
    return (_pass_after("storage", started),)


def _probe_disk(storage: Storage) -> Probes:
    """Ask where this machine keeps data; none, where both the files and the database are elsewhere."""
    rooms = [(shutil.disk_usage(folder).free, folder) for folder in _folders(storage)]
    return (_judge_room(*min(rooms)),) if rooms else ()


def _judge_room(free: int, folder: Path) -> Probe:
    scarce = free < SMALLEST_FREE_DISK
    room = {"gigabytes": f"{free / GIGABYTE:.1f}", "folder": folder}
    return Probe(
        name="disk",
        status=Status.WARN if scarce else Status.PASS,
        observed_value=free,
        observed_unit="bytes",
        output=_("only %(gigabytes)s GB free in %(folder)s") % room if scarce else "",
    )


def _folders(storage: Storage) -> Iterator[Path]:
    if isinstance(storage, FileSystemStorage):
        yield folder_that_exists(Path(storage.location))
    if settings.CLUSTER is not None:
        yield folder_that_exists(settings.CLUSTER.folder)


def folder_that_exists(folder: Path) -> Path:
    """Return the folder, or the one in which it will be made."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _pass_after(name: str, started: float) -> Probe:
    milliseconds = round((time.monotonic() - started) * 1000)
    return Probe(name=name, status=Status.PASS, observed_value=milliseconds, observed_unit="ms")
