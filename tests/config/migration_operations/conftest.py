"""A table of the tests' own, a state that knows it, and surroundings that neither pause nor wait."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import override

from config.migration_operations import batch_size, table_size
from config.migration_operations.surroundings import Surroundings, surrounded_by
from tests.config.operations.sessions import Sessions

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
        cursor.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'zz%'")
        for (function,) in cursor.fetchall():
            cursor.execute(f'DROP FUNCTION "{function}" CASCADE')
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


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(table_size, "LARGE_BYTES", 0)


@pytest.fixture
def small(monkeypatch, large):
    monkeypatch.setattr(table_size, "LARGE_BYTES", 64 * 1024**2)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(batch_size, "FIRST_ROWS", 3)
    monkeypatch.setattr(batch_size, "MOST_ROWS", 3)


@pytest.fixture
def sessions():
    opened = Sessions()
    yield opened
    opened.close()


@pytest.fixture
def parcels(table):
    """A table with one of everything that can hang on a column, and ten rows."""
    table("Shelf")
    query("INSERT INTO budget_shelf SELECT generate_series(0, 1000)")
    state = table(
        "Parcel",
        options={
            "constraints": [
                models.UniqueConstraint(
                    fields=["weight", "title"], name="parcel_once", deferrable=models.Deferrable.DEFERRED
                ),
                models.UniqueConstraint(fields=["weight"], condition=Q(title="x"), name="parcel_x_once"),
                models.CheckConstraint(condition=Q(weight__gte=0), name="parcel_weight_positive"),
            ],
            "indexes": [models.Index(models.F("weight") + 1, name="parcel_heavier")],
        },
        weight=models.IntegerField(db_index=True, db_default=5, db_comment="Grams"),
        title=models.TextField(db_default=""),
        changed_at=models.DateTimeField(db_default=Now()),
    )
    query(
        "ALTER TABLE budget_parcel ADD CONSTRAINT parcel_shelf"
        " FOREIGN KEY (weight) REFERENCES budget_shelf ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
    )
    query(
        "INSERT INTO budget_parcel (weight, title) SELECT n * 10, 'parcel ' || n"
        " FROM generate_series(1, 10) AS n"
    )
    return state
