"""The database that tests run on, and the three people of every permission test."""

import pytest
from django.conf import settings

from config.cluster import start_cluster
from tests.factories import UserFactory


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """Start the private test cluster, unless the environment names a server."""
    if settings.CLUSTER is not None:
        start_cluster(cluster=settings.CLUSTER)


@pytest.fixture
def superuser(db):
    return UserFactory(superuser=True, name="관리자")
