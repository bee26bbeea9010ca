"""Do the stored data agree with each other? Asks every app, and the database about itself.

Constraints and triggers keep data right only while they are there, enabled and validated, so these
checks look at the rows and at the catalogue.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, DataError, connections
from django.db.models import BooleanField, CheckConstraint, DateField, ExpressionWrapper, Model
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.coverage import triggers_of_the_trail
from config.repairs import Repair, RepairableError

UNVALIDATED_CONSTRAINTS = """
    SELECT conrelid::regclass::text, quote_ident(conname)
      FROM pg_constraint
     WHERE NOT convalidated AND connamespace = quote_ident(current_schema())::regnamespace
     ORDER BY 1, 2
"""

FOREIGN_KEYS = """
    SELECT conrelid::regclass::text,
           confrelid::regclass::text,
           ARRAY(SELECT quote_ident(attname)
                   FROM unnest(conkey) WITH ORDINALITY AS part(number, place)
                   JOIN pg_attribute ON attrelid = conrelid AND attnum = number
                  ORDER BY place),
           ARRAY(SELECT quote_ident(attname)
                   FROM unnest(confkey) WITH ORDINALITY AS part(number, place)
                   JOIN pg_attribute ON attrelid = confrelid AND attnum = number
                  ORDER BY place)
      FROM pg_constraint
     WHERE contype = 'f' AND connamespace = quote_ident(current_schema())::regnamespace
     ORDER BY 1, conname
"""

# What an interrupted REINDEX CONCURRENTLY leaves has such an ending, and is to be dropped; an index of a
# partitioned table becomes valid only by the indexes of its partitions.
INVALID_INDEXES = """
    SELECT indrelid::regclass::text, indexrelid::regclass::text, relkind = 'I',
           relname ~ '_cc(new|old)[0-9]*$'
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE NOT (indisvalid AND indisready)
       AND relnamespace = quote_ident(current_schema())::regnamespace
     ORDER BY 1, 2
"""

# A foreign key is enforced by several internal triggers; it is named once.
DISABLED_TRIGGERS = """
    SELECT DISTINCT tgrelid::regclass::text, quote_ident(coalesce(conname, tgname)),
           CASE WHEN tgisinternal THEN 'ALL' ELSE quote_ident(tgname) END
      FROM pg_trigger
      JOIN pg_class ON pg_class.oid = tgrelid
      LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint
     WHERE tgenabled IN ('D', 'R') AND relnamespace = quote_ident(current_schema())::regnamespace
     ORDER BY 1, 2
"""


# Without a value yet, the next one is the first.
SEQUENCES = """
    SELECT refobjid::regclass::text, quote_ident(attname), seqrelid::regclass::text,
           coalesce(pg_sequence_last_value(seqrelid), seqstart - seqincrement)
      FROM pg_sequence
      JOIN pg_depend ON objid = seqrelid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
      JOIN pg_class ON pg_class.oid = seqrelid
      JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
     WHERE refclassid = 'pg_class'::regclass AND seqincrement > 0 AND NOT seqcycle
       AND relnamespace = quote_ident(current_schema())::regnamespace
     ORDER BY 1, 2
"""


def find_problems(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[checks.CheckMessage]:
    """Yield what `check_integrity(using=…)` of the module `integrity` of each installed app finds."""
    for app in apps.get_app_configs():
        if app.module is not None and module_has_submodule(app.module, "integrity"):
            try:
                yield from import_module(f"{app.name}.integrity").check_integrity(using=using)
            except DataError as error:
                yield checks.Error(
                    _("These checks stopped at a value that cannot be read: %(reason)s") % {"reason": error},
                    hint=_("Correct the dates that are reported (operations.E107), then check again."),
                    obj=app.label,
                    id="operations.E108",
                )


def check_integrity(*, using: str) -> Iterator[checks.CheckMessage]:
    yield from check_without_models(using=using)
    yield from _rows_against_the_rules(using)
    yield from _dates_out_of_reach(using)


def check_without_models(*, using: str) -> Iterator[checks.CheckMessage]:
    """Yield what the database alone can tell, whether or not its schema is that of the models."""
    yield from _unvalidated_constraints(using)
    yield from _orphans(using)
    yield from _invalid_indexes(using)
    yield from _disabled_triggers(using)
    yield from _sequences_behind(using)


def _unvalidated_constraints(using: str) -> Iterator[checks.CheckMessage]:
    for table, name in _rows(using, UNVALIDATED_CONSTRAINTS):
        statement = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        yield RepairableError(
            _("This constraint has not been validated, so rows from before it may break it."),
            hint=statement,
            obj=f"{table}.{name}",
            id="operations.E101",
            # The server refuses it as long as a row breaks the constraint.
            repair=Repair(statements=(statement,)),
        )


def _orphans(using: str) -> Iterator[checks.CheckMessage]:
    """Look at every foreign key: a trusted one may have been bypassed with its triggers disabled."""
    for table, referenced, columns, keys in _rows(using, FOREIGN_KEYS):
        [(count, examples)] = _rows(using, _count_of_orphans(table, referenced, columns, keys))
        if count:
            message = ngettext(
                "%(count)d row points at a row of %(table)s that does not exist: %(examples)s",
                "%(count)d rows point at rows of %(table)s that do not exist: %(examples)s",
                count,
            )
            yield checks.Error(
                message % {"count": count, "table": referenced, "examples": ", ".join(examples)},
                hint=_("Restore the missing rows from a backup, or correct what points at them."),
                obj=f"{table} ({', '.join(columns)})",
                id="operations.E102",
            )


def _count_of_orphans(table: str, referenced: str, columns: list[str], keys: list[str]) -> str:
    """Return SQL for the number of orphans and some of the keys they point at; names come quoted."""
    pairs = zip(columns, keys, strict=True)
    found = " AND ".join(f"referenced.{key} = referring.{column}" for column, key in pairs)
    given = " AND ".join(f"referring.{column} IS NOT NULL" for column in columns)
    pointer = " || ' ' || ".join(f"referring.{column}::text" for column in columns)
    return f"""
        SELECT count(*), (array_agg(DISTINCT {pointer}))[1:3]
          FROM {table} AS referring
         WHERE {given} AND NOT EXISTS (SELECT FROM {referenced} AS referenced WHERE {found})
    """  # noqa: S608 - names from the catalogue, quoted by it


def _rows_against_the_rules(using: str) -> Iterator[checks.CheckMessage]:
    """Hold every row against the CHECK constraints its model declares, whether or not they are there."""
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, CheckConstraint):
                yield from _rows_against(constraint, model, using)


def _rows_against(
    constraint: CheckConstraint, model: type[Model], using: str
) -> Iterator[checks.CheckMessage]:
    # As in the constraint itself, what is unknown (NULL) obeys.
    obeys = ExpressionWrapper(constraint.condition, output_field=BooleanField())  # type: ignore[type-var]
    # A date may be one that cannot be read.
    dates = [field.name for field in model._meta.concrete_fields if isinstance(field, DateField)]
    rows = model._default_manager.using(using).defer(*dates)
    for row in rows.annotate(obeys=obeys).filter(obeys=False).order_by("pk"):
        yield checks.Error(
            _("This row breaks the rule %(name)s: %(sentence)s")
            % {"name": constraint.name, "sentence": constraint.get_violation_error_message()},
            hint=_("Correct the row. If “\\d %(table)s” in manage.py dbshell lacks the rule, add it again.")
            % {"table": model._meta.db_table},
            obj=row,
            id="operations.E103",
        )


def _invalid_indexes(using: str) -> Iterator[checks.CheckMessage]:
    for table, name, is_partitioned, is_leftover in _rows(using, INVALID_INDEXES):
        verb = "DROP" if is_leftover else "REINDEX"
        statement = f"{verb} INDEX CONCURRENTLY {name}"
        yield RepairableError(
            _("This index of %(table)s is invalid: its building was interrupted, and no query uses it.")
            % {"table": table},
            hint=statement,
            obj=name,
            id="operations.E104",
            repair=None if is_partitioned else Repair(statements=(statement,), in_transaction=False),
        )


def _disabled_triggers(using: str) -> Iterator[checks.CheckMessage]:
    for table, name, trigger in _rows(using, DISABLED_TRIGGERS):
        statements = tuple(statements_that_enable(table=table, trigger=trigger))
        yield RepairableError(
            _("This trigger is disabled, so what it guards is not guarded."),
            hint="; ".join(statements),
            obj=f"{table}.{name}",
            id="operations.E105",
            repair=Repair(statements=statements),
        )


def statements_that_enable(*, table: str, trigger: str) -> Iterator[str]:
    """Yield the SQL that enables one trigger of DISABLED_TRIGGERS.

    Those of the audit trail are for every session, also for one that replays changes; ALL would make them
    ordinary ones, so they follow it.
    """
    always = [name for audited, name in triggers_of_the_trail() if audited == table]
    if trigger not in always:
        yield f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"
    for name in always:
        if trigger in (name, "ALL"):
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def _sequences_behind(using: str) -> Iterator[checks.CheckMessage]:
    for table, column, sequence, last in _rows(using, SEQUENCES):
        # The names come quoted from the catalogue.
        [(largest,)] = _rows(using, f"SELECT max({column}) FROM {table}")  # noqa: S608
        if largest is not None and largest > last:
            # Nobody may insert between looking and setting, and what is further along stays there.
            advance = _advance(sequence, table, column, last)
            yield RepairableError(
                _("This sequence stands at %(last)d, but %(table)s has %(largest)d already.")
                % {"last": last, "table": table, "largest": largest},
                hint=advance,
                obj=sequence,
                id="operations.E106",
                repair=Repair(statements=(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE", advance)),
            )


def _advance(sequence: str, table: str, column: str, last: int) -> str:
    name = _literal(sequence)
    return (
        f"SELECT setval({name}, max({column})) FROM {table} "  # noqa: S608 - quoted by the catalogue
        f"HAVING max({column}) > coalesce(pg_sequence_last_value({name}), {last})"
    )


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _dates_out_of_reach(using: str) -> Iterator[checks.CheckMessage]:
    """Find dates such as infinity, which PostgreSQL can hold and Python cannot even read."""
    quote = connections[using].ops.quote_name
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, DateField):  # DateTimeField is one.
                table, column = quote(model._meta.db_table), quote(str(field.column))
                [(count,)] = _rows(using, _count_of_dates(table, column))
                if count:
                    yield checks.Error(
                        ngettext(
                            "%(count)d row has a date that no calendar of ours has.",
                            "%(count)d rows have a date that no calendar of ours has.",
                            count,
                        )
                        % {"count": count},
                        hint=_("Correct it in manage.py dbshell; until then no page can show the row."),
                        obj=f"{table}.{column}",
                        id="operations.E107",
                    )


def _count_of_dates(table: str, column: str) -> str:
    return f"SELECT count(*) FROM {table} WHERE {column} NOT BETWEEN '0001-01-02' AND '9999-12-30'"  # noqa: S608


def _rows(using: str, query: str) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
