"""The settings of the tests with the ledger, for one of the engines."""

import os

from config.settings.test import *  # noqa: F403
from config.settings.test import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.schema_changes.ledger"]
MIGRATION_ENGINE = os.environ["MIGRATION_ENGINE"]

if MIGRATION_ENGINE == "zero-downtime":
    for entry in DATABASES.values():
        entry["ENGINE"] = "django_zero_downtime_migrations.backends.postgres"
    ZERO_DOWNTIME_MIGRATIONS_LOCK_TIMEOUT = "2s"
    ZERO_DOWNTIME_MIGRATIONS_FLEXIBLE_STATEMENT_TIMEOUT = True
