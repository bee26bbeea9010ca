"""Comfort for one developer: a private database cluster, migrations applied by `runserver`."""

from importlib.util import find_spec

from config.catalogue import LANGUAGES as LANGUAGE_CODES
from config.cluster import DEVELOPMENT, Cluster
from config.databases import database, databases_by_role, names_a_server
from config.env import BASE_DIR, Environment
from config.log_files import logging_settings
from config.settings.base import *  # noqa: F403
from config.settings.base import BACKUP_MAX_AGE, INSTALLED_APPS, LOCAL_DIR
from config.storages import storages

environment = Environment("development")
ENVIRONMENT = environment.name

# Not in base: some of its commands empty a database or print every secret. The container comes without it.
if find_spec("django_extensions"):
    INSTALLED_APPS = [*INSTALLED_APPS, "django_extensions"]

DEBUG = environment.boolean("DEBUG", default=True)
SECRET_KEY = environment.text("SECRET_KEY", "insecure-key-that-production-refuses")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
LANGUAGE_CODE = environment.choice("LANGUAGE_CODE", among=LANGUAGE_CODES)

CLUSTER = (
    None
    if names_a_server(environment)
    else Cluster(profile=DEVELOPMENT, folder=LOCAL_DIR / "postgres" / "development")
)
_default = database(environment, name="parish_budget", cluster=CLUSTER)
DATABASES = databases_by_role(environment, _default, cluster=CLUSTER)

MIGRATIONS_RUN = environment.boolean("MIGRATIONS_RUN", default=True)
MIGRATIONS_LOGGING = environment.boolean("MIGRATIONS_LOGGING", default=True)
DROP_SCHEMA = environment.boolean("DROP_SCHEMA", default=False)

NOTIFY_WEBHOOK_URL = environment.text("NOTIFY_WEBHOOK_URL", "")
NOTIFY_EMAIL_RECIPIENTS = environment.words("NOTIFY_EMAIL_RECIPIENTS", "")

MEDIA_ROOT = BASE_DIR / environment.text("MEDIA_ROOT", ".local/media")
BACKUP_DIR = BASE_DIR / environment.text("BACKUP_DIR", ".local/backups")
BACKUP_MAX_AGE = environment.whole_number("BACKUP_MAX_AGE", BACKUP_MAX_AGE)
BACKUP_RECIPIENTS = environment.public_keys("BACKUP_RECIPIENTS")
BACKUP_IDENTITY_FILE = environment.text("BACKUP_IDENTITY_FILE", "")
BACKUP_OFFSITE_UNENCRYPTED = environment.boolean("BACKUP_OFFSITE_UNENCRYPTED", default=False)
STORAGES = storages(environment)

LOGGING = logging_settings(
    folder=environment.text("LOG_DIR", str(BASE_DIR / "logs")), migrations=MIGRATIONS_LOGGING
)
