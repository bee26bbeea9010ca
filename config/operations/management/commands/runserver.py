"""The development server, with a database that is running and migrated."""

import os
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import runserver
from django.core.management import CommandError
from django.db import connection
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.cluster import ClusterError
from config.database_errors import explain
from config.databases import OWNER_ALIAS
from config.operations.development import MigrationFailed, apply_pending_migrations, empty_schema
from config.operations.provision import start_provisioned_cluster


class Command(runserver.Command):
    def run(self, **options: Any) -> None:
        """Prepare the database, once per start or once per process that serves, then serve.

        Here and not in `inner_run`: that is a thread, in which an error would neither end the process
        nor set the exit code.
        """
        reloaded = os.environ.get(DJANGO_AUTORELOAD_ENV) == "true"
        if not reloaded:
            self._start_cluster()
            self._empty_schema()
        if reloaded or not options["use_reloader"]:
            self._migrate()
            connection.ensure_connection()
            connection.close()
        super().run(**options)

    def _start_cluster(self) -> None:
        if settings.CLUSTER is None:
            return
        try:
            started = start_provisioned_cluster(cluster=settings.CLUSTER)
        except ClusterError as error:
            raise CommandError(str(error), returncode=2) from error
        if started.outcome != "already running":
            self.stdout.write(_("The project's private PostgreSQL has been started."))

    def _empty_schema(self) -> None:
        if settings.ENVIRONMENT == "development" and settings.DROP_SCHEMA:
            schema = empty_schema(on_wait=self._say_waiting)
            self.stderr.write(
                _("DROP_SCHEMA is true: the schema %(schema)s was emptied.") % {"schema": schema},
                self.style.WARNING,
            )

    def _migrate(self) -> None:
        if settings.ENVIRONMENT != "development" or not settings.MIGRATIONS_RUN:
            return
        try:
            self._say_applied(apply_pending_migrations(on_wait=self._say_waiting))
        except MigrationFailed as failure:
            self._say_applied(failure.applied)
            self._say_failed(failure)

    def _say_waiting(self) -> None:
        self.stdout.write(_("Another server is changing the database. Waiting for it …"))
        self.stdout.flush()

    def _say_applied(self, names: list[str]) -> None:
        if names:
            heading = ngettext(
                "%(count)d pending migration was applied:",
                "%(count)d pending migrations were applied:",
                len(names),
            )
            self.stdout.write(heading % {"count": len(names)}, self.style.SUCCESS)
            self.stdout.write("".join(f"  {name}\n" for name in names))

    def _say_failed(self, failure: MigrationFailed) -> None:
        explanation = explain(failure.__cause__, alias=OWNER_ALIAS) if failure.__cause__ else None
        lines = (
            _("%(migration)s failed. The server starts all the same, without it and those that follow.")
            % {"migration": failure.failed},
            explanation.cause if explanation else f"{type(failure.__cause__).__name__}: {failure.__cause__}",
            "→ " + (explanation.remedy if explanation else _("Mend the cause, then: manage.py migrate")),
        )
        self.stderr.write("\n".join(lines), self.style.WARNING)
