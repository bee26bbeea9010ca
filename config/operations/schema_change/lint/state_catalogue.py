"""The catalogue that a database would have after the migrations so far, as far as models tell it."""

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from django.db.migrations.state import StateApps
from django.db.models import CheckConstraint, Model, Q

from config.databases import schema_name
from config.operations.schema_change.catalogue import Catalogue, Column, Constraint, Index
from config.operations.schema_change.lint.offline import OfflineConnection, OfflineEditor

# What PostgreSQL and the extensions of this project have from the start.
_VOLATILE_FUNCTIONS = frozenset(
    [
        "clock_timestamp",
        "currval",
        "gen_random_uuid",
        "lastval",
        "nextval",
        "random",
        "setval",
        "timeofday",
        "uuid_generate_v1",
        "uuid_generate_v1mc",
        "uuid_generate_v4",
    ]
)
_BINARY_CASTS = frozenset(
    {
        ("character varying", "text"),
        ("text", "character varying"),
        ("cidr", "inet"),
        ("integer", "oid"),
        ("oid", "integer"),
        ("xml", "text"),
        ("xml", "character varying"),
    }
)
_KNOWN: WeakKeyDictionary[StateApps, Catalogue] = WeakKeyDictionary()


def read_state(apps: StateApps, *, connection: OfflineConnection) -> Catalogue:
    if apps not in _KNOWN:
        models = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
        _KNOWN[apps] = Catalogue(
            schema=schema_name(database=connection.settings_dict),
            columns={model._meta.db_table: dict(_columns(model, connection)) for model in models},
            constraints=tuple(each for model in models for each in _checks(model, connection)),
            indexes=dict(each for model in models for each in _indexes(model)),
            volatile_functions=_VOLATILE_FUNCTIONS,
            binary_casts=_BINARY_CASTS,
        )
    return _KNOWN[apps]


def _columns(model: type[Model], connection: OfflineConnection) -> Iterator[tuple[str, Column]]:
    for field in model._meta.local_concrete_fields:
        kind = field.db_type(connection)
        if kind is not None:
            yield str(field.column), Column(type=kind, is_not_null=not field.null)


def _columns_of(constraint: CheckConstraint, model: type[Model]) -> set[str]:
    fields = {name.partition("__")[0] for name in _names(constraint.condition)}
    return {str(each.column) for each in model._meta.local_concrete_fields if each.name in fields}


def _names(condition: object) -> Iterator[str]:
    if isinstance(condition, Q):
        for child in condition.children:
            yield from _names(child[0] if isinstance(child, tuple) else child)
    elif isinstance(condition, str):
        yield condition


def _indexes(model: type[Model]) -> Iterator[tuple[str, Index]]:
    """Yield those that are not simply of a field: only these are in the way of another type."""
    table = model._meta.db_table
    for index in model._meta.indexes:
        names = [name for name, _order in index.fields_orders]
        columns = tuple(str(model._meta.get_field(name).column) for name in names)  # type: ignore[union-attr]
        yield index.name, Index(table=table, columns=columns, is_plain=index.condition is None)


def _checks(model: type[Model], connection: OfflineConnection) -> Iterator[Constraint]:
    """Yield the checks; one that is not validated yet looks the same in the models."""
    editor = OfflineEditor(connection, collect_sql=True, atomic=False)
    for constraint in model._meta.constraints:
        if isinstance(constraint, CheckConstraint):
            yield Constraint(
                table=model._meta.db_table,
                name=constraint.name,
                kind="c",
                is_validated=True,
                other_table="",
                columns=tuple(sorted(_columns_of(constraint, model))),
                other_columns=(),
                definition=f"CHECK ({constraint._get_check_sql(model, editor)})",  # type: ignore[attr-defined]
            )
