"""What a plan will do, before anything of it runs: for the operator, and for whoever has to approve it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import migrations
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.utils.translation import gettext as _

from config.operations.models import Direction, Rehearsal, Way
from config.operations.schema_change.approval import shown_fingerprint
from config.operations.schema_change.lint.findings import Finding
from config.operations.schema_change.planning import Plan, PlannedMigration, PlannedOperation
from config.operations.schema_change.runs import last_duration
from config.operations.schema_change.sizes import TableSize
from config.operations.schema_change.statements import LockMode


@dataclass(frozen=True, kw_only=True)
class LockedTable:
    """The strongest lock that a migration takes on a table; `size` is None for a table that it makes."""

    table: str
    mode: LockMode
    size: TableSize | None


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """How long it took before, in seconds: in the last rehearsal of the same plan, or when it last ran."""

    seconds: float
    is_rehearsed: bool


@dataclass(frozen=True, kw_only=True)
class MigrationPreview:
    """`loses` names the tables and columns that are dropped when the migration is taken back."""

    name: str
    direction: Direction
    way: Way
    operations: tuple[PlannedOperation, ...]
    locks: tuple[LockedTable, ...]
    is_reversible: bool
    loses: tuple[str, ...]
    findings: tuple[Finding, ...]
    expected: Expectation | None


@dataclass(frozen=True, kw_only=True)
class Preview:
    """`plan` is the fingerprint, as far as a person has to type it."""

    plan: str
    migrations: tuple[MigrationPreview, ...]
    rehearsal: Rehearsal | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for migration in self.migrations for finding in migration.findings)


def preview_plan(
    *,
    connection: DatabaseWrapper,
    plan: Plan,
    sizes: Mapping[str, TableSize],
    findings: Sequence[Finding],
) -> Preview:
    """Put together what is known of each migration of `plan`. Nothing is locked and nothing written."""
    rehearsal = latest_rehearsal(connection=connection, plan=plan)
    return Preview(
        plan=shown_fingerprint(plan=plan),
        migrations=tuple(
            _preview(connection, migration, sizes, findings, rehearsal) for migration in plan.migrations
        ),
        rehearsal=rehearsal,
    )


def latest_rehearsal(*, connection: DatabaseWrapper, plan: Plan) -> Rehearsal | None:
    if Rehearsal._meta.db_table not in connection.introspection.table_names():
        return None
    rehearsals = Rehearsal.objects.using(connection.alias).filter(plan=plan.fingerprint)
    return rehearsals.order_by("-at").first()


def _preview(
    connection: DatabaseWrapper,
    planned: PlannedMigration,
    sizes: Mapping[str, TableSize],
    findings: Sequence[Finding],
    rehearsal: Rehearsal | None,
) -> MigrationPreview:
    return MigrationPreview(
        name=planned.name,
        direction=planned.direction,
        way=planned.way,
        operations=planned.operations,
        locks=tuple(_strongest_locks(planned, sizes)),
        is_reversible=planned.is_reversible,
        loses=tuple(_lost(planned)),
        findings=tuple(finding for finding in findings if finding.migration == planned.name),
        expected=_expectation(connection, planned, rehearsal),
    )


def _strongest_locks(planned: PlannedMigration, sizes: Mapping[str, TableSize]) -> Iterator[LockedTable]:
    strongest: dict[str, LockMode] = {}
    for statement in planned.statements:
        for lock in statement.locks:
            strongest[lock.table] = max(lock.mode, strongest.get(lock.table, lock.mode))
    for table, mode in sorted(strongest.items(), key=lambda each: (-each[1], each[0])):
        yield LockedTable(table=table, mode=mode, size=sizes.get(table))


def _lost(planned: PlannedMigration) -> Iterator[str]:
    """Yield what is dropped when the migration is taken back; forwards only, because that is asked before."""
    if planned.direction == Direction.APPLY:
        for operation in planned.operations:
            yield from _lost_by(operation.operation)


def _lost_by(operation: Operation) -> Iterator[str]:
    match operation:
        case migrations.SeparateDatabaseAndState():
            for part in operation.database_operations:
                yield from _lost_by(part)
        case migrations.CreateModel():
            yield _("the table of %(model)s") % {"model": operation.name}
        case migrations.AddField():
            words = {"model": operation.model_name, "field": operation.name}
            yield _("the column %(field)s of %(model)s") % words


def _expectation(
    connection: DatabaseWrapper, planned: PlannedMigration, rehearsal: Rehearsal | None
) -> Expectation | None:
    if rehearsal is not None:
        for migration in rehearsal.report.get("migrations", []):
            if migration["name"] == planned.name:
                return Expectation(seconds=migration["seconds"], is_rehearsed=True)
    seconds = last_duration(connection=connection, migration=planned.name, direction=planned.direction)
    return None if seconds is None else Expectation(seconds=seconds, is_rehearsed=False)
