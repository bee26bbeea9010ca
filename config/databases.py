"""Django's DATABASES for one environment: a server that is named, or the project's private cluster."""

from collections.abc import Mapping
from typing import Any

from config.cluster import Cluster
from config.env import Environment

# A server that is stopped or frozen is reported, not waited for.
CONNECT_TIMEOUT_SECONDS = 5

# The same database, signed in as the role that owns it: for whatever changes the schema, and for backups. The
# application itself (the alias "default") runs as a role that can do neither.
OWNER_ALIAS = "owner"

# Somebody who may create roles and databases: for `provision` only, and only there when it is named.
ADMINISTRATOR_ALIAS = "administrator"

# The same database once more, for the health checks: they ask in a hurry, over connections of their own.
HEALTH_ALIAS = "health"
_HEALTH_CONNECT_TIMEOUT_SECONDS = 2  # libpq takes no less
_HEALTH_STATEMENT_TIMEOUT_MILLISECONDS = 1500

EXTENSIONS_SCHEMA = "extensions"

# The roles on the private cluster; its superuser only makes them.
_APPLICATION, _OWNER = "parish_budget", "parish_budget_owner"


def database(
    environment: Environment, *, name: str | None = None, cluster: Cluster | None = None
) -> dict[str, Any]:
    """Return one database's settings from DATABASE_URL, or from DB_HOST and its companions.

    Where neither is set, the database `name` on the private `cluster` is meant. Without a cluster
    every variable is required: MissingVariable names the first that is not there.
    """
    settings = _from_address(environment)
    if settings is None and cluster is not None and not environment.text("DB_HOST", ""):
        settings = _on_cluster(environment, name=name, cluster=cluster)
    if settings is None:
        settings = _on_server(environment, name=name)
    schema = environment.identifier("DB_SCHEMA", "public")
    settings["OPTIONS"] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        **settings.get("OPTIONS", {}),
        "options": f"-c search_path={_search_path(schema)}",
    }
    return settings


def databases(default: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return DATABASES for the one database `default` and one role, which owns it."""
    return {"default": default, OWNER_ALIAS: _mirror(default), HEALTH_ALIAS: _impatient(default)}


def databases_by_role(
    environment: Environment, default: dict[str, Any], *, cluster: Cluster | None = None
) -> dict[str, dict[str, Any]]:
    """Return DATABASES for `default`, its owner and its administrator, as far as the environment names them.

    Without DB_OWNER_USERNAME the owner is the same role as `default`. A password may be missing: the web
    server has no use for the owner's, and starts without.
    """
    owner = environment.text("DB_OWNER_USERNAME", _OWNER if cluster else default["USER"])
    administrator = environment.text("DB_ADMIN_USERNAME", cluster.user if cluster else "")
    entries = databases(default)
    if owner != default["USER"]:
        password = environment.text("DB_OWNER_PASSWORD", "")
        entries[OWNER_ALIAS] = _mirror({**default, "USER": owner, "PASSWORD": password})
    if administrator:
        password = environment.text("DB_ADMIN_PASSWORD", "")
        entries[ADMINISTRATOR_ALIAS] = _mirror({**default, "USER": administrator, "PASSWORD": password})
    return entries


def _mirror(settings: Mapping[str, Any]) -> dict[str, Any]:
    # Otherwise the test runner would create a second database.
    return {**settings, "TEST": {"MIRROR": "default"}}


def _impatient(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the same database for connections that soon give up and are never kept."""
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    timeout = f"-c statement_timeout={_HEALTH_STATEMENT_TIMEOUT_MILLISECONDS}"
    return {
        **_mirror(settings),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {
            **options,
            "connect_timeout": _HEALTH_CONNECT_TIMEOUT_SECONDS,
            # The kernel's, for a network that swallows what is sent: the server cannot tell then.
            "tcp_user_timeout": _HEALTH_CONNECT_TIMEOUT_SECONDS * 1000,
            "options": f"{timeout} {options['options']}",
        },
    }


def schema_name(*, database: Mapping[str, Any]) -> str:
    """Return the schema that holds the tables, from one entry of DATABASES."""
    search_path = str(database.get("OPTIONS", {}).get("options", "")).rpartition("search_path=")[2]
    return search_path.split(",")[0] or "public"


def names_a_server(environment: Environment) -> bool:
    return bool(environment.text("DATABASE_URL", "") or environment.text("DB_HOST", ""))


def _from_address(environment: Environment) -> dict[str, Any] | None:
    return environment.database_url("DATABASE_URL")


def _on_server(environment: Environment, *, name: str | None) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": environment.text("DB_HOST"),
        "PORT": environment.port("DB_PORT", "5432"),
        "USER": environment.text("DB_USERNAME"),
        "PASSWORD": environment.text("DB_PASSWORD"),
        "NAME": environment.text("DB_NAME", name),
    }


def _on_cluster(environment: Environment, *, name: str | None, cluster: Cluster) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": str(cluster.socket_directory),
        "PORT": cluster.port,
        "USER": _APPLICATION,
        "NAME": environment.text("DB_NAME", name),
        # libpq reads the password when it connects, so none passes through settings or the environment.
        "OPTIONS": {"passfile": str(cluster.password_file)},
    }


def _search_path(schema: str) -> str:
    # Not public besides: tables that are there would be taken for those of another schema.
    return f"{schema},{EXTENSIONS_SCHEMA}"
