"""What staging and production have in common: secrets without defaults, nothing that happens by itself.

A function, not a settings module, because the two differ only in the file they read and both must be
refused for the same reasons.
"""

from typing import Any

from config.catalogue import LANGUAGES, translate
from config.databases import OWNER_ALIAS, database, databases_by_role
from config.env import BASE_DIR, Environment, InvalidVariable
from config.log_files import logging_settings
from config.settings.base import BACKUP_MAX_AGE
from config.storages import storages

SHORTEST_SECRET_KEY = 50  # Django's own limit, security.W009
SHORTEST_PASSWORD = 12


def deployed_settings(environment: Environment) -> dict[str, Any]:
    """Return the settings of a deployed environment, or raise with the name of the variable at fault."""
    for name in ("DEBUG", "MIGRATIONS_RUN", "DROP_SCHEMA"):
        _refuse_true(environment, name)
    folder = environment.text("LOG_DIR", str(BASE_DIR / "logs"))
    migrations = environment.boolean("MIGRATIONS_LOGGING", default=True)
    return {
        "ENVIRONMENT": environment.name,
        "DEBUG": False,
        "SECRET_KEY": environment.secret("SECRET_KEY", shortest=SHORTEST_SECRET_KEY),
        "ALLOWED_HOSTS": environment.hosts("ALLOWED_HOSTS"),
        "LANGUAGE_CODE": environment.choice("LANGUAGE_CODE", among=LANGUAGES),
        "CLUSTER": None,
        "DATABASES": _databases(environment),
        "MIGRATIONS_RUN": False,
        "MIGRATIONS_LOGGING": migrations,
        "DROP_SCHEMA": False,
        "LOGGING": logging_settings(folder=folder, migrations=migrations),
        "STATIC_ROOT": environment.text("STATIC_ROOT", str(BASE_DIR / ".local" / "static")),
        "MEDIA_ROOT": environment.text("MEDIA_ROOT", str(BASE_DIR / ".local" / "media")),
        "BACKUP_DIR": BASE_DIR / environment.text("BACKUP_DIR", ".local/backups"),
        "BACKUP_MAX_AGE": environment.whole_number("BACKUP_MAX_AGE", BACKUP_MAX_AGE),
        "BACKUP_RECIPIENTS": environment.public_keys("BACKUP_RECIPIENTS"),
        "BACKUP_IDENTITY_FILE": environment.text("BACKUP_IDENTITY_FILE", ""),
        "BACKUP_OFFSITE_UNENCRYPTED": environment.boolean("BACKUP_OFFSITE_UNENCRYPTED", default=False),
        "STORAGES": storages(environment),
        "NOTIFY_WEBHOOK_URL": environment.text("NOTIFY_WEBHOOK_URL", ""),
        "NOTIFY_EMAIL_RECIPIENTS": environment.words("NOTIFY_EMAIL_RECIPIENTS", ""),
        "TRUSTED_PROXIES": environment.count("TRUSTED_PROXIES"),
        **_https(),
    }


def _databases(environment: Environment) -> dict[str, dict[str, Any]]:
    default = database(environment)
    in_address = translate("The password in %(variable)s") % {"variable": "DATABASE_URL"}
    name = in_address if environment.text("DATABASE_URL", "") else "DB_PASSWORD"
    _refuse_weak_password(environment, name, default)
    entries = databases_by_role(environment, default)
    if environment.text("DB_OWNER_PASSWORD", ""):
        _refuse_weak_password(environment, "DB_OWNER_PASSWORD", entries[OWNER_ALIAS])
    return entries


def _refuse_weak_password(environment: Environment, name: str, database: dict[str, Any]) -> None:
    environment.refuse_weak_secret(
        name,
        database["PASSWORD"],
        shortest=SHORTEST_PASSWORD,
        known_names=(database["NAME"], database["USER"]),
    )


def _refuse_true(environment: Environment, name: str) -> None:
    if environment.boolean(name, default=False):
        raise InvalidVariable(
            translate("%(variable)s must be false in %(environment)s. Remove it, or set it to false.")
            % {"variable": name, "environment": environment.name}
        )


def _https() -> dict[str, Any]:
    return {
        "SECURE_SSL_REDIRECT": True,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_HSTS_SECONDS": 365 * 24 * 60 * 60,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_HSTS_PRELOAD": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
    }
