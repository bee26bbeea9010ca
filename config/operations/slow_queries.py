"""Writes down the queries that take longer than SLOW_QUERY_SECONDS."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.shown_statements import shown_statement

logger = logging.getLogger(__name__)


def watch_queries(*, connection: BaseDatabaseWrapper, **signal: Any) -> None:
    """Time each statement of `connection` from now on. A receiver of connection_created."""
    # A wrapper outlives the connection that it was installed for.
    if log_when_slow not in connection.execute_wrappers:
        connection.execute_wrappers.append(log_when_slow)


def log_when_slow(
    execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: dict[str, Any]
) -> Any:
    started = time.monotonic()
    try:
        return execute(sql, parameters, many, context)
    finally:
        seconds = time.monotonic() - started
        if seconds >= settings.SLOW_QUERY_SECONDS:
            logger.warning(
                "%.1f s on %s: %s", seconds, context["connection"].alias, shown_statement(str(sql))
            )
