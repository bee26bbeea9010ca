"""The command on a real server in a throw-away folder."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from config.cluster import DEVELOPMENT, SCRATCH, Cluster, remove_cluster
from tests.config.test_cluster import answer


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LANGUAGE_CODE", "en")
    with translation.override("en"):
        yield


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def scratch(folder):
    scratch = Cluster(profile=SCRATCH, folder=folder / "scratch")
    yield scratch
    remove_cluster(cluster=scratch)


class TestClusterCommand:
    @pytest.fixture
    def command(self, scratch, settings, capsys):
        settings.CLUSTER = scratch

        def run(*arguments):
            call_command("cluster", *arguments)
            return capsys.readouterr().out

        return run

    def test_goes_through_the_life_of_a_cluster(self, command):
        outputs = [
            command(action) for action in ("stop", "start", "start", "status", "stop", "start", "remove")
        ]

        beginnings = [output.partition(" cluster in ")[0] for output in outputs]
        assert beginnings == [
            "There is no",
            "Created and started the",
            "The",
            "The",
            "Stopped the",
            "Started the",
            "Removed the",
        ]

    def test_creates_the_database_of_the_settings(self, command, scratch, settings):
        command("start")

        name = settings.DATABASES["default"]["NAME"]
        assert answer(scratch, "SELECT current_database()", dbname=name) == name

    def test_prints_one_json_object(self, command, scratch):
        printed = json.loads(command("start", "--json"))

        assert printed["state"] == "created"
        assert printed["data_directory"] == str(scratch.data_directory)

    def test_answers_1_when_the_cluster_is_not_running(self, command):
        with pytest.raises(CommandError, match=r"manage\.py cluster start") as failure:
            command("status")

        assert failure.value.returncode == 1

    def test_answers_2_when_it_may_not_remove(self, command, settings, folder):
        settings.CLUSTER = Cluster(profile=DEVELOPMENT, folder=folder / "development")

        with pytest.raises(CommandError, match="data to keep") as failure:
            command("remove")

        assert failure.value.returncode == 2

    def test_has_nothing_to_start_where_the_settings_name_a_server(self, command, settings):
        settings.CLUSTER = None

        assert "no private cluster" in command("start")
        assert json.loads(command("start", "--json")) == {"state": "external"}
