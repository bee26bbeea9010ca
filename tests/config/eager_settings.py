"""Test settings that ask for what only development may do."""

from config.settings.test import *  # noqa: F403

MIGRATIONS_RUN = True
DROP_SCHEMA = True
