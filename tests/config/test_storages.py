"""Where the off-site copies go, by the variables."""

import pytest
from django.conf import global_settings

from config.env import Environment, InvalidVariable
from config.storages import storages


def configured(tmp_path, **process):
    return storages(Environment("staging", folder=tmp_path, process=process))


class TestStorages:
    def test_has_no_place_for_copies_by_default(self, tmp_path):
        assert configured(tmp_path) == global_settings.STORAGES

    def test_takes_a_folder(self, tmp_path):
        found = configured(tmp_path, BACKUP_OFFSITE_DIR="/mnt/backups")["backups"]

        assert found["OPTIONS"] == {"location": "/mnt/backups"}

    def test_keeps_the_environments_apart_in_a_bucket(self, tmp_path):
        found = configured(tmp_path, BACKUP_OFFSITE_BUCKET="parish")["backups"]

        assert found["OPTIONS"]["bucket_name"] == "parish"
        assert found["OPTIONS"]["location"] == "staging"

    def test_refuses_two_places(self, tmp_path):
        with pytest.raises(InvalidVariable, match="BACKUP_OFFSITE_BUCKET"):
            configured(tmp_path, BACKUP_OFFSITE_DIR="/mnt", BACKUP_OFFSITE_BUCKET="parish")
