"""Migrations that exist in tests only, run operation by operation on a database of their own."""

from django.db import connection, migrations, models, transaction
from django.db.migrations.state import ProjectState
from django.utils import timezone

from config.operations.models import Direction
from config.operations.schema_change.attic import AtticKeeper
from config.operations.schema_change.execution import OperationContext
from config.operations.schema_change.interruptions import forget_steps

APP = "budget"  # Any installed app: the router asks for it.
KEY = ("id", models.BigAutoField(primary_key=True))


class Invented:
    """A series of operations, each a migration of its own that can be taken forwards and back."""

    def __init__(self, *operations, large_tables=(), in_transaction=True):
        self.large_tables, self.in_transaction = large_tables, in_transaction
        self._operations = operations
        self._states = [ProjectState()]
        for operation in operations:
            state = self._states[-1].clone()
            operation.state_forwards(APP, state)
            self._states.append(state)
        self.now = timezone.now()
        self.position = 0
        self._replaced = None  # What was interrupted after its operation had run, as the executor remembers.

    def forwards(self, count=1, *, keeps=True):
        for _each in range(count):
            self._run(self.position, Direction.APPLY, keeps)
            self.position += 1

    def back(self, count=1, *, keeps=True):
        for _each in range(count):
            self._run(self.position - 1, Direction.REVERT, keeps)
            self.position -= 1

    def context(self, position, direction):
        before, after = self._states[position : position + 2]
        applies = direction is Direction.APPLY
        return OperationContext(
            connection=connection,
            migration=f"{APP}.{position:04}_invented",
            app_label=APP,
            direction=direction,
            position=0,
            operation=self._operations[position],
            from_state=before if applies else after,
            to_state=after if applies else before,
            in_transaction=self.in_transaction,
            large_tables=self.large_tables,
        )

    def _run(self, position, direction, keeps):
        context, keeper = self.context(position, direction), AtticKeeper(now=self.now)
        concerns = keeps and keeper.concerns(context)
        steps = (lambda: keeper.prepare(context), lambda: keeper.complete(context))
        prepare, complete = steps if concerns and not self.in_transaction else (_nothing, _nothing)
        if (position, direction) != self._replaced:
            prepare()
            with transaction.atomic():
                if not (concerns and keeper.replace(context)):
                    run_as_django(context)
            self._replaced = (position, direction)
        complete()
        self._replaced = None
        forget_steps(connection=connection, migration=context.migration, direction=direction)


def _nothing():
    pass


def run_as_django(context):
    operation = context.operation
    applies = context.direction is Direction.APPLY
    work = operation.database_forwards if applies else operation.database_backwards
    with connection.schema_editor(atomic=False) as editor:
        work(context.app_label, editor, context.from_state, context.to_state)


def create(name, *fields, **options):
    return migrations.CreateModel(
        name=name, fields=[KEY, *fields], options={"db_table": name.lower(), **options}
    )


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []
