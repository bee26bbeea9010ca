"""A table of the tests' own, a state that knows it, and surroundings that neither pause nor wait."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from django.utils.translation import override

from config.migration_operations.surroundings import Surroundings, surrounded_by

LABEL = "budget"


class Interrupted(Exception):
    """Stands for a kill at this moment."""


class Interruption:
    """Passes for `observe`; interrupts at the call that has this number, counted from one."""

    def __init__(self, at=0):
        self.points = []
        self._at = at

    def __call__(self, point):
        self.points.append(point)
        if len(self.points) == self._at:
            raise Interrupted(point)


@pytest.fixture
def table(transactional_db):
    """Return a function that makes a model's table and returns the state, and drop what was made."""
    made = []

    def make(name, *, options=None, managers=(), **fields):
        state = ProjectState()
        keyed = fields if any(f.primary_key for f in fields.values()) else {"id": _key(), **fields}
        create = migrations.CreateModel(name, list(keyed.items()), options or {})
        before = state.clone()
        create.state_forwards(LABEL, state)
        with connection.schema_editor() as editor:
            create.database_forwards(LABEL, editor, before, state)
        made.append(state.apps.get_model(LABEL, name)._meta.db_table)
        return state

    yield make
    with connection.cursor() as cursor:
        for each in made:
            cursor.execute(f'DROP TABLE IF EXISTS "{each}" CASCADE')
        cursor.execute("DELETE FROM unfinished_steps")


def _key():
    return models.BigAutoField(primary_key=True)


@pytest.fixture
def english():
    with override("en"):
        yield


@pytest.fixture
def calm():
    """Nothing else happens on the server, and nobody waits; change single things with `surrounded`."""
    with surrounded_by(surrounded()):
        yield


def surrounded(**changes):
    given = {"is_busy": lambda connection: False, "pause": lambda seconds: None, "patience_seconds": 0}
    return Surroundings(**{**given, **changes})


def forwards(operation, state, *, atomic=False):
    """Apply the operation as `migrate` does, and return the state after it."""
    after = state.clone()
    operation.state_forwards(LABEL, after)
    with connection.schema_editor(atomic=atomic) as editor:
        operation.database_forwards(LABEL, editor, state, after)
    return after


def backwards(operation, state, *, atomic=False):
    """Revert the operation, which began with `state`."""
    after = state.clone()
    operation.state_forwards(LABEL, after)
    with connection.schema_editor(atomic=atomic) as editor:
        operation.database_backwards(LABEL, editor, after, state)


def query(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else None
