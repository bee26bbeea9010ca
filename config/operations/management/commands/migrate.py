"""Django's migrate, which also writes down what it did to each migration and how long that took."""

import logging
import time
from typing import Any, cast

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DatabaseError, connections
from django.db.backends.base.creation import TEST_DATABASE_PREFIX
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import Migration
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from config.database_errors import explain
from config.databases import OWNER_ALIAS
from config.log_files import MIGRATIONS_LOGGER
from config.operations.advisory_lock import advisory_lock
from config.operations.models import Direction, MigrationRun, Result, Way
from config.operations.privileges import RoleMissing, grant_privileges
from config.operations.schema_change.failures import words_of
from config.operations.schema_change.runs import Exertion, finish_run, start_run
from config.operations.schemas import require_schema
from config.redaction import redact

logger = logging.getLogger(MIGRATIONS_LOGGER)

# Only these two change the schema; rendering models and writing history are part of them.
_VERBS = {"apply": "applied", "unapply": "reverted"}
_DIRECTIONS = {"apply": Direction.APPLY, "unapply": Direction.REVERT}


class Command(migrate.Command):
    """By default it signs in as the owner, and ends with what the application's role may do.

    Creating a test database calls this, too: for its one role it only adds lines to a log.
    """

    _alias = OWNER_ALIAS
    _language: str | None = None
    _running: Migration | None = None
    _run: MigrationRun | None = None
    _records = False
    _started = 0.0

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS)
        parser.add_argument(
            "--without-safety",
            action="store_true",
            help=_("In production: migrate all the same, without a backup, an approval and a guard."),
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        self._language = get_language()  # Django translates nothing while it migrates.
        self._running = self._run = None
        self._alias = alias = options["database"]
        self._records = not _creates_test_database(alias, options)
        only_looks = options["plan"] or options["check_unapplied"]
        if not (only_looks or options["without_safety"] or _creates_test_database(alias, options)):
            _refuse_in_production()
        require_schema(alias=alias)
        if only_looks:
            return super().handle(*args, **options)
        with advisory_lock(name=MIGRATIONS_LOGGER, alias=alias, on_wait=self._say_waiting):
            answer = self._migrate(*args, **options)
            self._grant(alias)
            return answer

    def _migrate(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().handle(*args, **options)
        except BaseException as error:  # An interruption leaves a migration as unfinished as an error does.
            self._log_failure(error)
            if isinstance(error, DatabaseError) and explain(error, alias=options["database"]) is None:
                raise CommandError(self._say_failure(error), returncode=2) from error
            raise

    def _grant(self, alias: str) -> None:
        try:
            grant_privileges(connection=cast("DatabaseWrapper", connections[alias]))
        except RoleMissing as error:
            raise CommandError(str(error), returncode=2) from error

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        super().migration_progress_callback(action, migration, fake)
        direction, _, event = action.partition("_")
        if migration is None or direction not in _VERBS:
            return
        if event == "start":
            self._begin(migration, direction, fake)
        else:
            self._end(migration, direction, fake)

    def _begin(self, migration: Migration, direction: str, fake: bool) -> None:
        self._running, self._started = migration, time.monotonic()
        logger.info("%s is being %s", migration, _VERBS[direction])
        if self._records and not fake:
            self._run = start_run(
                connection=connections[self._alias],
                migration=str(migration),
                direction=_DIRECTIONS[direction],
                way=Way.ATOMIC if migration.atomic else Way.ONLINE,
            )

    def _end(self, migration: Migration, direction: str, fake: bool) -> None:
        self._running = None
        seconds = self._seconds()
        self._record(Result.DONE, seconds)
        outcome = f"{_VERBS[direction]}{' (only recorded)' if fake else ''}"
        if seconds < settings.SLOW_MIGRATION_SECONDS:
            logger.info("%s %s in %.2f s", migration, outcome, seconds)
        else:
            logger.warning("%s %s in %.2f s, which is slow", migration, outcome, seconds)
            self._warn(migration, seconds)

    def _record(self, result: Result, seconds: float, error: str = "") -> None:
        if self._run is not None:
            connection, cost = connections[self._alias], Exertion(seconds=seconds)
            finish_run(connection=connection, run=self._run, result=result, cost=cost, error=error)
        self._run = None

    def _log_failure(self, error: BaseException) -> None:
        if self._running is None:
            return
        logger.exception("%s failed after %.2f s", self._running, self._seconds())
        self._record(Result.FAILED, self._seconds(), words_of(error, alias=self._alias))
        if self.verbosity >= 1:
            self.stdout.write()  # Ends the line "Applying …", so that the message has one of its own.

    def _say_failure(self, error: DatabaseError) -> str:
        with override(self._language):
            return _(
                "%(migration)s failed: %(words)s\n"
                "→ Mend the cause, then look and try again: manage.py showmigrations, manage.py migrate"
            ) % {"migration": self._running, "words": redact(str(error).strip())}

    def _say_waiting(self) -> None:
        self.stderr.write(_("Somebody else is migrating this database. Waiting …"))

    def _warn(self, migration: Migration, seconds: float) -> None:
        with override(self._language):
            warning = _(
                "%(migration)s took %(seconds)d seconds, longer than the %(limit)d that are expected."
            ) % {"migration": migration, "seconds": seconds, "limit": settings.SLOW_MIGRATION_SECONDS}
        self.stderr.write(warning, self.style.WARNING)

    def _seconds(self) -> float:
        return time.monotonic() - self._started


def _creates_test_database(alias: str, options: dict[str, Any]) -> bool:
    """Whether Django's test runner calls, which names the database so and makes tables without migrations."""
    name = str(connections[alias].settings_dict["NAME"])
    return bool(options["run_syncdb"]) and name.startswith(TEST_DATABASE_PREFIX)


def _refuse_in_production() -> None:
    if settings.ENVIRONMENT == "production":
        raise CommandError(
            _(
                "In production a migration is looked at, approved, backed up and guarded.\n"
                "→ Look at it: manage.py migrate_safely --check-only\n"
                "→ Without any of that: manage.py migrate --without-safety"
            ),
            returncode=2,
        )
