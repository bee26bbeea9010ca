"""Whether code of Django's reaches the throw-away database, and nothing else."""

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.connection import ConnectionDoesNotExist

from config.cluster import find_programs
from config.operations.schema_change.scratch_database import scratch_database
from config.operations.scratch_cluster import FOLDER
from tests.config.operations.backup_sources import processes


@pytest.fixture(autouse=True)
def unblocked(django_db_blocker):
    """Allow connections by aliases that a test case would have to name before they are there."""
    with django_db_blocker.unblock():
        yield


def scratch(folder):
    return scratch_database(folder=folder, major=find_programs().major)


class TestScratchDatabase:
    def test_takes_what_is_written_by_its_alias(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PGPASSWORD", "that-of-the-live-server")
        with scratch(tmp_path) as alias:
            MigrationExecutor(connections[alias]).migrate([("auth", "0012_alter_user_first_name_max_length")])
            Group.objects.using(alias).create(name="there")

            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT count(*), current_setting('data_directory') FROM auth_group")
                count, data_directory = cursor.fetchone()
            assert count == 1
            assert data_directory.startswith(str(tmp_path))
            options = connections[alias].settings_dict["OPTIONS"]
            assert options["options"] == connection.settings_dict["OPTIONS"]["options"]

    def test_takes_alias_and_server_away_whatever_happens(self, tmp_path):
        with pytest.raises(KeyboardInterrupt), scratch(tmp_path) as alias:
            raise KeyboardInterrupt

        with pytest.raises(ConnectionDoesNotExist):
            connections[alias]
        assert alias not in connections.settings
        assert not (tmp_path / FOLDER).exists()
        assert processes(tmp_path) == []
