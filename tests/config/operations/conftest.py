import logging

import pytest
from django.core.management import call_command
from django.db import connection

from config.log_files import MIGRATIONS_LOGGER


@pytest.fixture
def sessions_reverted(transactional_db):
    """Revert the one migration of sessions, which nothing depends on; apply it again afterwards."""
    call_command("migrate", "sessions", "zero", verbosity=0, database="default")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS django_session")
    call_command("migrate", "sessions", "zero", fake=True, verbosity=0, database="default")
    call_command("migrate", "sessions", verbosity=0, database="default")


@pytest.fixture
def migration_log(caplog):
    """Return a function that lists the migration log's lines as (level, text)."""
    logger = logging.getLogger(MIGRATIONS_LOGGER)
    logger.addHandler(caplog.handler)  # It does not propagate to the handler of pytest.
    yield lambda: [(record.levelname, caplog.handler.format(record)) for record in caplog.records]
    logger.removeHandler(caplog.handler)
