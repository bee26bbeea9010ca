"""Comfort for one developer: a private database cluster, migrations applied by `runserver`."""

from config.cluster import DEVELOPMENT, Cluster
from config.databases import database, names_a_server
from config.env import BASE_DIR, Environment
from config.log_files import logging_settings
from config.settings.base import *  # noqa: F403
from config.settings.base import LOCAL_DIR

environment = Environment("development")
ENVIRONMENT = environment.name

DEBUG = environment.boolean("DEBUG", default=True)
SECRET_KEY = environment.text("SECRET_KEY", "insecure-key-that-production-refuses")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
LANGUAGE_CODE = environment.text("LANGUAGE_CODE", "ko")

CLUSTER = (
    None
    if names_a_server(environment)
    else Cluster(profile=DEVELOPMENT, folder=LOCAL_DIR / "postgres" / "development")
)
DATABASES = {"default": database(environment, name="parish_budget", cluster=CLUSTER)}

MIGRATIONS_RUN = environment.boolean("MIGRATIONS_RUN", default=True)
MIGRATIONS_LOGGING = environment.boolean("MIGRATIONS_LOGGING", default=True)
DROP_SCHEMA = environment.boolean("DROP_SCHEMA", default=False)

LOGGING = logging_settings(
    folder=environment.text("LOG_DIR", str(BASE_DIR / "logs")), migrations=MIGRATIONS_LOGGING
)
