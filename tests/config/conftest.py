import pytest
from django.db import connection
from django.utils.translation import override

from tests.config import servers


@pytest.fixture(scope="module")
def owner(django_db_setup):
    """Name a role that may sign in and owns the empty databases."""
    with servers.role(f"{connection.settings_dict['NAME']}_owner") as name:
        yield name


@pytest.fixture
def empty_database(owner, tmp_path):
    """Return the variables of an empty database of `owner`; the logs go to `tmp_path`."""
    name = f"{connection.settings_dict['NAME']}_empty"
    with servers.database(name, owner=owner) as variables:
        yield {**variables, "LOG_DIR": str(tmp_path / "logs")}


@pytest.fixture
def english():
    with override("en"):
        yield
