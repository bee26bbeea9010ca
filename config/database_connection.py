"""Finds out, without reading anybody's prose, why a connection to PostgreSQL does not come about.

Servers speak the language of their installation, so a text is no evidence. What is: whether the name
resolves, whether something listens, whether it answers as PostgreSQL does, and the SQLSTATE it sends.
"""

import contextlib
import enum
import os
import re
import select
import socket
import struct
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from config.databases import CONNECT_TIMEOUT_SECONDS

DEFAULT_PORT = "5432"

# "Message Formats" in PostgreSQL's documentation: length, then the code of SSLRequest.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_SSL_ANSWERS = (b"S", b"N")
_SQLSTATE_IN_TRACE = re.compile(rb'ErrorResponse\t.*? C "([0-9A-Z]{5})"')
_NO_PASSWORD = "28P01"  # noqa: S105 - invalid_password, what the server would say to an empty one


class Obstacle(enum.Enum):
    """How far an attempt to connect came."""

    UNKNOWN_HOST = enum.auto()
    NOTHING_LISTENS = enum.auto()
    NO_ANSWER = enum.auto()
    NOT_POSTGRESQL = enum.auto()
    REFUSED = enum.auto()
    NONE = enum.auto()


@dataclass(frozen=True)
class Attempt:
    """The outcome: `sqlstate` and `words` of a server that refused, the version of one that did not."""

    obstacle: Obstacle
    sqlstate: str = ""
    words: str = ""
    major: int | None = None


def try_to_connect(*, database: Mapping[str, Any]) -> Attempt:
    """Connect as Django would with one entry of DATABASES, and tell what stood in the way."""
    host = str(database.get("HOST") or "")
    seconds = float(database.get("OPTIONS", {}).get("connect_timeout") or CONNECT_TIMEOUT_SECONDS)
    if host and "," not in host:
        obstacle = _obstacle_before_signing_in(
            host=host, port=str(database.get("PORT") or DEFAULT_PORT), seconds=seconds
        )
        if obstacle is not Obstacle.NONE:
            return Attempt(obstacle)
    return _sign_in(database=database, seconds=seconds)


def _obstacle_before_signing_in(*, host: str, port: str, seconds: float) -> Obstacle:
    try:
        connection = _open_socket(host=host, port=port, seconds=seconds)
    except socket.gaierror:
        return Obstacle.UNKNOWN_HOST
    except TimeoutError:
        return Obstacle.NO_ANSWER
    except OSError:
        return Obstacle.NOTHING_LISTENS
    with connection:
        return _obstacle_to_greeting(connection)


def _obstacle_to_greeting(connection: socket.socket) -> Obstacle:
    try:
        connection.sendall(_SSL_REQUEST)
        # A server of another protocol would wait for the rest of a line; the end of input wakes it up.
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(64)  # More than PostgreSQL sends: other greetings begin with S, too.
    except TimeoutError:
        return Obstacle.NO_ANSWER
    except OSError:
        return Obstacle.NOT_POSTGRESQL
    return Obstacle.NONE if answer in _SSL_ANSWERS else Obstacle.NOT_POSTGRESQL


def _open_socket(*, host: str, port: str, seconds: float) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, int(port)), timeout=seconds)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        connection.connect(str(Path(host) / f".s.PGSQL.{port}"))
    except OSError:
        connection.close()
        raise
    return connection


def _sign_in(*, database: Mapping[str, Any], seconds: float) -> Attempt:
    # libpq keeps the SQLSTATE of a refused connection to itself, except in a trace of the protocol.
    with tempfile.TemporaryFile() as trace:
        connection = pq.PGconn.connect_start(_connection_string(database).encode())
        try:
            with contextlib.suppress(psycopg.NotSupportedError):  # traced on Linux only
                connection.trace(trace.fileno())
            status = _wait(connection, deadline=time.monotonic() + seconds)
            connection.untrace()
            if status is None:
                return Attempt(Obstacle.NO_ANSWER)
            if status == pq.PollingStatus.OK:
                return Attempt(Obstacle.NONE, major=connection.server_version // 10000)
            return Attempt(
                Obstacle.REFUSED,
                sqlstate=_NO_PASSWORD if connection.needs_password else _traced_sqlstate(trace.fileno()),
                words=connection.get_error_message().strip(),
            )
        finally:
            connection.finish()


def _wait(connection: pq.abc.PGconn, *, deadline: float) -> pq.PollingStatus | None:
    """Drive a started connection to its end, or return None when the deadline passes first."""
    while connection.status != pq.ConnStatus.BAD:
        status = connection.connect_poll()
        if status in (pq.PollingStatus.OK, pq.PollingStatus.FAILED):
            return pq.PollingStatus(status)
        reading = [connection.socket] if status == pq.PollingStatus.READING else []
        writing = [connection.socket] if status == pq.PollingStatus.WRITING else []
        if select.select(reading, writing, [], max(0.0, deadline - time.monotonic())) == ([], [], []):
            return None
    return pq.PollingStatus.FAILED


def _traced_sqlstate(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    states = _SQLSTATE_IN_TRACE.findall(os.pread(descriptor, size, 0))
    return states[-1].decode() if states else ""


def _connection_string(database: Mapping[str, Any]) -> str:
    """Return what libpq needs to know; the rest of OPTIONS is for psycopg or Django."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    options = {name: value for name, value in database.get("OPTIONS", {}).items() if name in known}
    named = {
        "host": database.get("HOST"),
        "port": database.get("PORT"),
        "user": database.get("USER"),
        "password": database.get("PASSWORD"),
        "dbname": database.get("NAME"),
    }
    return make_conninfo("", **options, **{name: value for name, value in named.items() if value})
