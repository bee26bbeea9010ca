import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from config.cluster import SCRATCH, Cluster, cluster_status, running, start_cluster, stop_cluster
from config.databases import HEALTH_ALIAS
from config.operations import health
from tests.config.servers import PROJECT, Listener, environment, greet_as_old_server

LIVENESS = "/health/"
READINESS = "/health/database/"
DATABASE = "parish_budget"
CLIENT_PATIENCE_SECONDS = 10
SERVE = """
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from config.wsgi import application
server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(application)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A server of its own, which may be frozen and stopped."""
    scratch = Cluster(profile=SCRATCH, folder=tmp_path_factory.mktemp("health") / "postgres")
    with running(cluster=scratch):
        start_cluster(cluster=scratch, database=DATABASE)
        yield scratch


@pytest.fixture
def serving(cluster, monkeypatch, settings, tmp_path, django_db_blocker):
    """Let the health check ask the scratch cluster, where every migration counts as applied."""
    settings.MEDIA_ROOT = tmp_path
    start_cluster(cluster=cluster)
    usual = connections.settings[HEALTH_ALIAS]
    database = {
        **usual,
        "HOST": str(cluster.socket_directory),
        "PORT": cluster.port,
        "USER": cluster.user,
        "PASSWORD": "",
        "NAME": DATABASE,
        "OPTIONS": {**usual["OPTIONS"], "passfile": str(cluster.password_file)},
    }
    monkeypatch.setitem(connections.settings, HEALTH_ALIAS, database)
    record_every_migration(cluster)
    with django_db_blocker.unblock():
        yield database


def record_every_migration(cluster):
    with session(cluster) as database, database.cursor() as cursor:
        # Without a table of people nothing can be served, whatever the history says.
        cursor.execute("CREATE TABLE IF NOT EXISTS users ()")
        cursor.execute("DROP TABLE IF EXISTS django_migrations")
        cursor.execute(
            "CREATE TABLE django_migrations"
            " (id serial, app text, name text, applied timestamptz DEFAULT now())"
        )
        cursor.executemany(
            "INSERT INTO django_migrations (app, name) VALUES (%s, %s)", MigrationLoader(None).disk_migrations
        )


def session(cluster):
    return psycopg.connect(
        host=str(cluster.socket_directory),
        port=cluster.port,
        user=cluster.user,
        passfile=str(cluster.password_file),
        dbname=DATABASE,
    )


@contextlib.contextmanager
def frozen(cluster):
    """Let no process of the server run: it keeps its connections, and accepts new ones, in silence."""
    server = cluster_status(cluster=cluster).pid
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    family = [server, *map(int, children)]
    send(signal.SIGSTOP, family)
    try:
        yield
    finally:
        send(signal.SIGCONT, family)


def send(number, processes):
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def statuses(response):
    return {name: check["status"] for name, check in response.json()["checks"].items()}


class TestLiveness:
    def test_answers_without_a_database_session_or_cookie(self, client):
        response = client.get(LIVENESS)  # pytest-django refuses every connection here

        assert response.status_code == 200
        assert response.json() == {"status": "pass"}
        assert response["Content-Type"] == "application/health+json"
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies
        assert not response.has_header("Vary")

    def test_answers_any_host_without_a_redirect_to_https(self, client, settings):
        settings.SECURE_SSL_REDIRECT = True

        assert client.get(LIVENESS, headers={"host": "10.0.0.7:8000"}).status_code == 200
        assert client.get("/admin/", headers={"host": "10.0.0.7:8000"}).status_code != 200

    @pytest.mark.parametrize("path", [LIVENESS, READINESS])
    def test_refuses_to_change_anything(self, client, path):
        response = client.post(path)

        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"
        assert response["Cache-Control"] == "no-store"


class TestReadiness:
    def test_passes_with_the_time_that_the_database_took(self, client, serving):
        response = client.get(READINESS)

        assert response.status_code == 200
        assert response.json()["status"] == "pass"
        assert statuses(response) == {"database": "pass", "migrations": "pass", "storage": "pass"}
        assert response.json()["checks"]["database"].keys() == {"status", "observedValue", "observedUnit"}
        assert response["Content-Type"] == "application/health+json"
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies

    def test_answers_any_host_without_a_redirect_to_https(self, client, serving, settings):
        settings.SECURE_SSL_REDIRECT = True

        assert client.get(READINESS, headers={"host": "10.0.0.7:8000"}).status_code == 200

    def test_sends_no_body_to_head(self, client, serving):
        response = client.head(READINESS)

        assert response.status_code == 200
        assert response.content == b""

    def test_stays_in_service_with_a_pending_migration_and_does_not_name_it(self, client, serving, cluster):
        with session(cluster) as database:
            database.execute("DELETE FROM django_migrations WHERE app = 'receipts' AND name LIKE '0004%'")

        response = client.get(READINESS)

        assert response.status_code == 200
        assert response.json()["status"] == "warn"
        assert response.json()["checks"]["migrations"] == {"status": "warn"}

    def test_fails_when_the_storage_is_not_writable(self, client, serving, settings, tmp_path):
        (tmp_path / "media").write_text("a file where the folder should be")
        settings.MEDIA_ROOT = tmp_path / "media"

        response = client.get(READINESS)

        assert response.status_code == 503
        assert statuses(response) == {"database": "pass", "migrations": "pass", "storage": "fail"}
        assert str(tmp_path) not in response.text

    def test_fails_while_the_server_is_frozen_and_passes_afterwards(self, client, serving, cluster):
        with frozen(cluster):
            during = client.get(READINESS)
        afterwards = client.get(READINESS)

        assert during.status_code == 503
        assert statuses(during) == {"database": "fail", "storage": "pass"}
        assert afterwards.status_code == 200

    def test_fails_while_the_server_is_stopped_and_passes_afterwards(self, client, serving, cluster):
        stop_cluster(cluster=cluster)
        during = client.get(READINESS)
        start_cluster(cluster=cluster)
        afterwards = client.get(READINESS)

        assert during.status_code == 503
        assert afterwards.status_code == 200

    def test_fails_when_the_server_falls_silent_after_signing_in(self, client, serving):
        answered, nobody_left = threading.Event(), threading.Event()
        greet = greet_as_old_server("15.4")

        def fall_silent(connection):
            greet(connection)
            if not answered.wait(CLIENT_PATIENCE_SECONDS):
                nobody_left.set()

        with Listener(fall_silent) as listener:
            serving.update(HOST="127.0.0.1", PORT=listener.variables["DB_PORT"])
            response = client.get(READINESS)
            answered.set()

        assert not nobody_left.is_set()
        assert response.status_code == 503
        assert statuses(response)["database"] == "fail"

    def test_tells_the_reason_to_the_log_only(self, client, serving, caplog):
        serving.update(NAME="no_such_database")

        response = client.get(READINESS)

        assert response.status_code == 503
        assert response.json()["checks"]["database"] == {"status": "fail"}
        assert "no_such_database" in caplog.text

    def test_asks_once_for_all_who_wait(self, client, serving, cluster, monkeypatch):
        asked = []
        probe = health._probe_database
        monkeypatch.setattr(health, "_probe_database", lambda alias: asked.append(alias) or probe(alias))

        with frozen(cluster):
            crowd = [threading.Thread(target=client.get, args=(READINESS,)) for _each in range(20)]
            for member in crowd:
                member.start()
            for member in crowd:
                member.join()

        assert 1 <= len(asked) <= 2


@pytest.fixture(scope="module")
def port(cluster, tmp_path_factory):
    """Serve the production site from a process of its own, over real sockets."""
    folder = tmp_path_factory.mktemp("served")
    variables = environment(
        DJANGO_SETTINGS_MODULE="config.settings.production",
        ALLOWED_HOSTS="budget.example.org",
        SECRET_KEY="k2Vx-7Rt" * 8,
        DB_HOST=str(cluster.socket_directory),
        DB_PORT=cluster.port,
        DB_USERNAME=cluster.user,
        DB_PASSWORD=cluster.password_file.read_text().strip().rpartition(":")[2],
        DB_NAME=DATABASE,
        LOG_DIR=str(folder / "logs"),
        MEDIA_ROOT=str(folder / "media"),
    )
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(
        command, cwd=PROJECT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def request(port, path, method="GET"):
    """Return the status and the body, or raise TimeoutError when the client loses its patience."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=CLIENT_PATIENCE_SECONDS)
    with contextlib.closing(client):
        client.request(method, path)
        response = client.getresponse()
        return response.status, response.read()


class TestProductionProcess:
    def test_answers_both_over_plain_http(self, port, cluster):
        start_cluster(cluster=cluster)
        record_every_migration(cluster)

        live, ready = request(port, LIVENESS), request(port, READINESS)

        assert live == (200, b'{"status": "pass"}')
        assert ready[0] == 200

    def test_answers_while_the_database_does_not(self, port, cluster):
        with frozen(cluster):
            live, ready = request(port, LIVENESS), request(port, READINESS)

        assert live[0] == 200
        assert ready[0] == 503
        assert json.loads(ready[1])["checks"]["database"] == {"status": "fail"}
