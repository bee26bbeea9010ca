import pytest

from tests.audit.changes import Recorder


@pytest.fixture
def recorded(db):
    return Recorder()
