"""What the catalogue will say once statements have run, for what is foretold of those that come after them.

Only what later statements depend on: of a new table, which is empty, nothing is kept.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from config.operations.schema_change.catalogue import Catalogue, Column, Constraint, Index
from config.operations.schema_change.effects import Effect, StatementKind

_NOT_VALID = re.compile(r"\bNOT\s+VALID\s*\Z", re.IGNORECASE)
_CONDITION = re.compile(r"\bWHERE\b", re.IGNORECASE)
_LETTERS = {
    StatementKind.ADD_CHECK: "c",
    StatementKind.ADD_FOREIGN_KEY: "f",
    StatementKind.ADD_PRIMARY_KEY: "p",
    StatementKind.ADD_UNIQUE: "u",
    StatementKind.ADD_EXCLUSION: "x",
}


def after(catalogue: Catalogue, effects: Iterable[Effect]) -> Catalogue:
    """Return the catalogue as it will be when the actions of a statement are done."""
    for effect in effects:
        change = _CHANGES.get(effect.kind)
        catalogue = change(catalogue, effect) if change else catalogue
    return catalogue


def names_after(tables: Collection[str], effects: Iterable[Effect]) -> frozenset[str]:
    """Return the names that the tables will have."""
    names = frozenset(tables)
    for effect in effects:
        if effect.kind is StatementKind.RENAME_TABLE:
            names = frozenset(effect.new_name if name == effect.table else name for name in names)
    return names


def _rename_table(catalogue: Catalogue, effect: Effect) -> Catalogue:
    def name(table: str) -> str:
        return effect.new_name if table == effect.table else table

    return replace(
        catalogue,
        columns={name(table): columns for table, columns in catalogue.columns.items()},
        constraints=tuple(
            replace(item, table=name(item.table), other_table=name(item.other_table))
            for item in catalogue.constraints
        ),
        indexes={key: replace(item, table=name(item.table)) for key, item in catalogue.indexes.items()},
        children={
            name(parent): tuple(map(name, children)) for parent, children in catalogue.children.items()
        },
        views={
            name(view): frozenset((name(table), column) for table, column in sources)
            for view, sources in catalogue.views.items()
        },
        sequence_users={key: tuple(map(name, users)) for key, users in catalogue.sequence_users.items()},
    )


def _rename_column(catalogue: Catalogue, effect: Effect) -> Catalogue:
    def name(table: str, column: str) -> str:
        return effect.new_name if (table, column) == (effect.table, effect.name) else column

    return replace(
        catalogue,
        columns={
            table: {name(table, column): known for column, known in columns.items()}
            for table, columns in catalogue.columns.items()
        },
        constraints=tuple(
            replace(
                item,
                columns=tuple(name(item.table, column) for column in item.columns),
                other_columns=tuple(name(item.other_table, column) for column in item.other_columns),
                # What it proved would have to be read again under the new name.
                definition="" if effect.name in item.columns else item.definition,
            )
            for item in catalogue.constraints
        ),
        indexes={
            key: replace(item, columns=tuple(name(item.table, column) for column in item.columns))
            for key, item in catalogue.indexes.items()
        },
        views={
            view: frozenset((table, name(table, column)) for table, column in sources)
            for view, sources in catalogue.views.items()
        },
    )


def _change_column(
    catalogue: Catalogue, effect: Effect, change: Callable[[Column], Column | None]
) -> Catalogue:
    columns = dict(catalogue.columns.get(effect.table, {}))
    known = columns.pop(effect.name, None)
    if known is not None and (changed := change(known)) is not None:
        columns[effect.name] = changed
    return replace(catalogue, columns={**catalogue.columns, effect.table: columns})


def _set_not_null(catalogue: Catalogue, effect: Effect) -> Catalogue:
    return _change_column(catalogue, effect, lambda column: replace(column, is_not_null=True))


def _drop_not_null(catalogue: Catalogue, effect: Effect) -> Catalogue:
    return _change_column(catalogue, effect, lambda column: replace(column, is_not_null=False))


def _forget_column(catalogue: Catalogue, effect: Effect) -> Catalogue:
    return _change_column(catalogue, effect, lambda _column: None)


def _add_constraint(catalogue: Catalogue, effect: Effect) -> Catalogue:
    added = Constraint(
        table=effect.table,
        name=effect.name,
        kind=_LETTERS[effect.kind],
        is_validated=not _NOT_VALID.search(effect.sql),
        columns=effect.columns,
        other_table=effect.other_table,
        other_columns=(),
        definition=effect.sql,
    )
    return replace(catalogue, constraints=(*catalogue.constraints, added))


def _add_column(catalogue: Catalogue, effect: Effect) -> Catalogue:
    if not effect.other_table:
        return catalogue
    return _add_constraint(catalogue, replace(effect, kind=StatementKind.ADD_FOREIGN_KEY, name=""))


def _validate(catalogue: Catalogue, effect: Effect) -> Catalogue:
    constraints = (
        replace(item, is_validated=True) if (item.table, item.name) == (effect.table, effect.name) else item
        for item in catalogue.constraints
    )
    return replace(catalogue, constraints=tuple(constraints))


def _drop_constraint(catalogue: Catalogue, effect: Effect) -> Catalogue:
    constraints = (
        item for item in catalogue.constraints if (item.table, item.name) != (effect.table, effect.name)
    )
    return replace(catalogue, constraints=tuple(constraints))


def _create_index(catalogue: Catalogue, effect: Effect) -> Catalogue:
    known = catalogue.columns.get(effect.table, {})
    is_plain = not _CONDITION.search(effect.sql) and all(column in known for column in effect.columns)
    index = Index(table=effect.table, columns=effect.columns, is_plain=is_plain)
    return replace(catalogue, indexes={**catalogue.indexes, effect.name: index})


# What only takes something away is left out: to expect a lock too many does no harm.
_CHANGES: dict[StatementKind, Callable[[Catalogue, Effect], Catalogue]] = {
    StatementKind.RENAME_TABLE: _rename_table,
    StatementKind.RENAME_COLUMN: _rename_column,
    StatementKind.ADD_COLUMN: _add_column,
    StatementKind.ALTER_TYPE: _forget_column,
    StatementKind.DROP_COLUMN: _forget_column,
    StatementKind.SET_NOT_NULL: _set_not_null,
    StatementKind.DROP_NOT_NULL: _drop_not_null,
    StatementKind.VALIDATE: _validate,
    StatementKind.DROP_CONSTRAINT: _drop_constraint,
    StatementKind.CREATE_INDEX: _create_index,
    **dict.fromkeys(_LETTERS, _add_constraint),
}
