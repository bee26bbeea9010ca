"""Servers and processes for the tests of what an operator meets at the terminal."""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql

PROJECT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "a-Pass-phrase-9f2c"

# Whatever a developer's own file says: an empty variable of the process wins over it.
NEUTRAL = dict.fromkeys(
    (
        "ALLOWED_HOSTS",
        "BACKUP_DIR",
        "BACKUP_IDENTITY_FILE",
        "BACKUP_MAX_AGE",
        "BACKUP_OFFSITE_BUCKET",
        "BACKUP_OFFSITE_DIR",
        "BACKUP_OFFSITE_ENDPOINT",
        "BACKUP_OFFSITE_UNENCRYPTED",
        "BACKUP_RECIPIENTS",
        "DATABASE_URL",
        "DB_HOST",
        "DB_ADMIN_PASSWORD",
        "DB_ADMIN_USERNAME",
        "DB_NAME",
        "DB_OWNER_PASSWORD",
        "DB_OWNER_USERNAME",
        "DB_PASSWORD",
        "DB_PORT",
        "DB_SCHEMA",
        "DB_USERNAME",
        "DEBUG",
        "DROP_SCHEMA",
        "LOG_DIR",
        "MEDIA_ROOT",
        "MIGRATIONS_LOGGING",
        "NOTIFY_EMAIL_RECIPIENTS",
        "NOTIFY_WEBHOOK_URL",
        "MIGRATIONS_RUN",
        "SECRET_KEY",
        "STATIC_ROOT",
    ),
    "",
)


def environment(**variables):
    """Return the variables of a process in development that speaks English and reads nobody's file."""
    return {
        **os.environ,
        **NEUTRAL,
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "LANGUAGE_CODE": "en",
        "PYTHONUNBUFFERED": "1",
        **variables,
    }


def python(*arguments, typed=None, **variables):
    """Run a program of ours to its end; what is `typed` is its standard input."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment(**variables),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def manage(*arguments, **variables):
    return python("manage.py", *arguments, **variables)


def answer(typed, *arguments, **variables):
    """Run a command and answer its question."""
    return manage(*arguments, typed=typed, **variables)


@contextlib.contextmanager
def started(*arguments, **variables):
    """Start a command that says on stderr what it is doing."""
    with subprocess.Popen(
        [sys.executable, "manage.py", *arguments, "-v2"],
        cwd=PROJECT,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process


def read_until(process, words):
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(words)


def administer(statement, *names, database="postgres"):
    """Execute one statement as the owner of the test server, with identifiers for its placeholders."""
    parameters = {**connection.get_connection_params(), "dbname": database}
    with psycopg.connect(**parameters, autocommit=True) as administrator:
        administrator.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextlib.contextmanager
def role(name, *, options="LOGIN"):
    """Create a role with PASSWORD for a while."""
    administer(f"DROP ROLE IF EXISTS {{}}; CREATE ROLE {{}} {options} PASSWORD '{PASSWORD}'", name, name)
    try:
        yield name
    finally:
        administer("DROP ROLE {}", name)


@contextlib.contextmanager
def database(name, *, owner):
    """Create an empty database for a while, and yield the variables with which `owner` connects to it."""
    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    administer("CREATE DATABASE {} OWNER {}", name, owner)
    try:
        yield {
            "DB_HOST": connection.settings_dict["HOST"],
            "DB_PORT": str(connection.settings_dict["PORT"] or 5432),
            "DB_USERNAME": owner,
            "DB_PASSWORD": PASSWORD,
            "DB_NAME": name,
        }
    finally:
        administer("DROP DATABASE {} WITH (FORCE)", name)


def folders_in(home):
    """Return the variables of the folders that a process writes to."""
    return {
        "BACKUP_DIR": str(home / "backups"),
        "MEDIA_ROOT": str(home / "media"),
        "LOG_DIR": str(home / "logs"),
    }


def variables_of(cluster, database, home):
    """Return the variables of a database of a cluster, and of folders in `home`."""
    return {
        "DB_HOST": str(cluster.socket_directory),
        "DB_PORT": cluster.port,
        "DB_USERNAME": cluster.user,
        "DB_PASSWORD": cluster.password_file.read_text().strip().rpartition(":")[2],
        "DB_NAME": database,
        **folders_in(home),
    }


def execute(variables, statement):
    """Execute a statement where, and as whom, these variables say; return its rows, None without any."""
    names = {"host": "HOST", "port": "PORT", "user": "USERNAME", "password": "PASSWORD", "dbname": "NAME"}
    parameters = {parameter: variables[f"DB_{name}"] for parameter, name in names.items()}
    with psycopg.connect(**parameters, autocommit=True) as database:
        cursor = database.execute(statement)
        return cursor.fetchall() if cursor.description else None


class Listener:
    """Listens on a port and treats each client by `treat(connection)`, in a thread."""

    def __init__(self, treat):
        self._treat = treat
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.variables = {
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self._socket.getsockname()[1]),
            "DB_USERNAME": "treasurer",
            "DB_PASSWORD": PASSWORD,
            "DB_NAME": "parish_budget",
        }

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                with client, contextlib.suppress(OSError):
                    self._treat(client)


def refuse_as_web_server(client):
    client.recv(1024)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def greet_as_ssh_server(client):
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    client.recv(1024)


def greet_as_old_server(version):
    """Return a treatment that signs everybody in to a PostgreSQL of `version`."""

    def treat(client):
        _read_startup(client)
        client.sendall(_message(b"R", struct.pack("!i", 0)))
        for name, value in (("server_version", version), ("TimeZone", "UTC"), ("client_encoding", "UTF8")):
            client.sendall(_message(b"S", f"{name}\0{value}\0".encode()))
        client.sendall(_message(b"Z", b"I"))
        client.recv(1024)

    return treat


def refuse_while_starting(client):
    # In Korean, as a server of the parish would.
    _read_startup(client)
    fields = ("S치명적오류", "VFATAL", "C57P03", "M데이터베이스 시스템이 새로 가동 중입니다.")
    client.sendall(_message(b"E", b"".join(f"{field}\0".encode() for field in fields) + b"\0"))


def _read_startup(client):
    ssl_request = 80877103
    while True:
        length, code = struct.unpack("!ii", _exactly(client, 8))
        _exactly(client, length - 8)
        if code != ssl_request:
            return
        client.sendall(b"N")


def _exactly(client, size):
    received = b""
    while len(received) < size:
        part = client.recv(size - len(received))
        if not part:
            raise ConnectionResetError
        received += part
    return received


def _message(kind, content):
    return kind + struct.pack("!i", len(content) + 4) + content
