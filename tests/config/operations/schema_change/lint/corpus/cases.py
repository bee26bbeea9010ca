"""What a case of the corpus is: a migration of an invented app, and what the linter has to say of it."""

import functools
from dataclasses import dataclass, field

from django.db import migrations, models
from django.db.migrations.state import ProjectState

from config.operations.schema_change.lint.findings import Severity
from config.operations.schema_change.lint.selection import Selection
from config.operations.schema_change.sizes import TableSize

APP = "parish"
LARGE = TableSize(rows=5_000_000, bytes=1_000_000_000)
LOOSE = {"db_constraint": False, "db_index": False}
SMALL = TableSize(rows=1_000, bytes=200_000)


@dataclass(frozen=True, kw_only=True)
class Unsafe:
    """`small` is the severity of the rule on a small table; `also` are other rules that may speak up."""

    id: str
    rule: str
    operations: list
    severity: Severity = Severity.ERROR
    small: Severity | None = None
    also: tuple[str, ...] = ()
    atomic: bool = True
    name: str = "0002_change"
    table: str | None = None


@dataclass(frozen=True, kw_only=True)
class Safe:
    """`earlier` are migrations before it, each a list of operations."""

    id: str
    operations: list
    atomic: bool = True
    name: str = "0009_change"
    earlier: list[list] = field(default_factory=list)


@functools.cache
def beginning():
    """Return the state that every case starts from, with its models, which take longer than the rest."""
    state = ProjectState()
    for operation in BEGINNING:
        operation.state_forwards(APP, state)
    assert state.apps
    return state


def migration(name, operations, *, atomic=True):
    kind = type("Migration", (migrations.Migration,), {"operations": operations, "atomic": atomic})
    return kind(name, APP)


def selection(case, *, sizes=None):
    earlier = [
        migration(f"000{number}_earlier", operations, atomic=False)
        for number, operations in enumerate(getattr(case, "earlier", []), start=2)
    ]
    return Selection(
        migrations=(*earlier, migration(case.name, case.operations, atomic=case.atomic)),
        state=beginning().clone(),
        sizes=sizes,
        only=frozenset({f"{APP}.{case.name}"}),
    )


BEGINNING = [
    migrations.CreateModel(
        "Organization",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=100)),
            ("code", models.CharField(max_length=20, unique=True)),
        ],
        options={"db_table": "organizations"},
    ),
    migrations.CreateModel(
        "Event",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("organization", models.ForeignKey("parish.Organization", models.PROTECT)),
            ("guests", models.ManyToManyField("parish.Organization", related_name="+")),
            ("name", models.CharField(max_length=100)),
            ("memo", models.TextField()),
            ("note", models.TextField(null=True)),
            ("remark", models.TextField(null=True)),
            ("status", models.CharField(max_length=20, db_default="PLANNING", default="PLANNING")),
            ("mood", models.CharField(max_length=20)),
            ("seats", models.IntegerField(null=True)),
            ("fee", models.DecimalField(max_digits=10, decimal_places=2, null=True)),
            ("starts_on", models.DateField(null=True)),
            (
                "patron",
                models.ForeignKey(
                    "parish.Organization", models.PROTECT, null=True, related_name="+", **LOOSE
                ),
            ),
        ],
        options={
            "db_table": "events",
            "indexes": [models.Index(fields=["name"], name="events_by_name")],
            "constraints": [
                models.CheckConstraint(condition=models.Q(remark__isnull=False), name="event_has_remark"),
                models.CheckConstraint(condition=~models.Q(mood=""), name="event_has_mood"),
            ],
        },
    ),
]
TABLES = ("organizations", "events", "events_guests")
