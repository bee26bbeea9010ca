"""Speed and determinism: built on base, not on development, so that a developer's file cannot bend a test."""

from config.cluster import TEST, Cluster
from config.databases import database, databases, names_a_server
from config.env import Environment
from config.log_files import logging_settings
from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, LOCAL_DIR

environment = Environment("test")
ENVIRONMENT = environment.name

# Not in base: some of its commands empty a database or print every secret.
INSTALLED_APPS = [*INSTALLED_APPS, "django_extensions"]

DEBUG = False
SECRET_KEY = "insecure-key-of-the-tests"  # noqa: S105 - nothing that outlives a test is signed with it
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # Fast; no real password is ever hashed.

CLUSTER = (
    None if names_a_server(environment) else Cluster(profile=TEST, folder=LOCAL_DIR / "postgres" / "test")
)
# One role, on the private cluster its superuser: the suite creates, flushes and drops all the time. What the
# application may and may not do is proved by tests that connect as its real role.
DATABASES = databases(database(environment, name="parish_budget", cluster=CLUSTER))
if CLUSTER is not None:
    for entry in DATABASES.values():
        entry["USER"] = CLUSTER.user

MIGRATIONS_RUN = False
MIGRATIONS_LOGGING = environment.boolean("MIGRATIONS_LOGGING", default=True)
DROP_SCHEMA = False

MEDIA_ROOT = LOCAL_DIR / "test" / "media"
BACKUP_DIR = LOCAL_DIR / "test" / "backups"
LOGGING = logging_settings(folder=LOCAL_DIR / "test" / "logs", migrations=MIGRATIONS_LOGGING)
