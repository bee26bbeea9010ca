import pytest
from django.utils.translation import override

from tests.config.operations.schema_change.preflight.circumstances import circumstances


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def strict(tmp_path):
    """Return the circumstances of a deploy, with an empty folder for backups."""
    return circumstances(tmp_path)


@pytest.fixture
def lenient(tmp_path):
    return circumstances(tmp_path, is_strict=False)
