"""Django's DATABASES for one environment: a server that is named, or the project's private cluster."""

from collections.abc import Mapping
from typing import Any

from config.cluster import Cluster
from config.env import Environment, MissingVariable

# A server that is stopped or frozen is reported, not waited for.
CONNECT_TIMEOUT_SECONDS = 5


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


def schema_name(*, database: Mapping[str, Any]) -> str:
    """Return the schema that holds the tables, from one entry of DATABASES."""
    search_path = str(database.get("OPTIONS", {}).get("options", "")).rpartition("search_path=")[2]
    return search_path.split(",")[0] or "public"


def names_a_server(environment: Environment) -> bool:
    return bool(environment.text("DATABASE_URL", "") or environment.text("DB_HOST", ""))


def _from_address(environment: Environment) -> dict[str, Any] | None:
    settings = environment.database_url("DATABASE_URL")
    if settings is not None and not settings["NAME"]:
        raise MissingVariable("DATABASE_URL")
    return settings


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
        "USER": cluster.user,
        "NAME": environment.text("DB_NAME", name),
        # libpq reads the password when it connects, so none passes through settings or the environment.
        "OPTIONS": {"passfile": str(cluster.password_file)},
    }


def _search_path(schema: str) -> str:
    # The extensions live in public, whatever schema holds the tables.
    return schema if schema == "public" else f"{schema},public"
