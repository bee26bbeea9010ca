"""Fills a database with what every environment needs, and with a demo year where that is allowed.

Seeding is idempotent: a row that exists, by its key or by what makes it unique, is kept as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core import serializers
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from budget.models import Organization
from config.env import BASE_DIR
from config.operations.demo import DemoYear, OrganizationMissing, SignIn
from config.operations.inspection import pending_migrations
from config.operations.seed_rows import Count, Seeding

FIXTURES = BASE_DIR / "fixtures"
DEMO_ENVIRONMENTS = ("development", "test")


class UnableToSeed(Exception):
    """The database or the storage cannot take the rows; the message says why and what to do."""


class DemoDataRefused(UnableToSeed):
    """Invented people and money do not belong into this environment."""


@dataclass(frozen=True)
class SeedReport:
    """What was done or, after a dry run, what would have been."""

    counts: tuple[Count, ...]
    dry_run: bool
    sign_in: SignIn | None

    @property
    def created(self) -> int:
        return sum(count.created for count in self.counts)


def seed(
    *, demo: bool, dry_run: bool = False, on_table: Callable[[str], None] = lambda table: None
) -> SeedReport:
    """Put in what is missing, all of it or nothing.

    Raises UnableToSeed. `on_table` hears the name of each table before its rows.
    """
    if demo and settings.ENVIRONMENT not in DEMO_ENVIRONMENTS:
        raise DemoDataRefused(_refusal(settings.ENVIRONMENT))
    _refuse_pending_migrations()
    seeding = Seeding(on_table=on_table)
    try:
        sign_in = _place(seeding, demo=demo, dry_run=dry_run)
    except IntegrityError as error:
        raise UnableToSeed(_conflict(error)) from error
    except OrganizationMissing as error:
        raise UnableToSeed(str(error)) from error
    except OSError as error:
        raise UnableToSeed(_unwritable(error)) from error
    return SeedReport(tuple(seeding.counts), dry_run, sign_in)


@transaction.atomic
def _place(seeding: Seeding, *, demo: bool, dry_run: bool) -> SignIn | None:
    _wait_for_other_seeds()
    _place_organizations(seeding)
    year = DemoYear(seeding=seeding, folder=FIXTURES) if demo else None
    if year:
        # Files come last: they are the only thing that a failure would leave behind.
        seeding.place_files(year.place(), storage=default_storage, dry_run=dry_run)
    transaction.set_rollback(dry_run)
    return year.sign_in if year else None


def _wait_for_other_seeds() -> None:
    # What another process is putting in must be there, or gone, before this one looks for it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [__name__])


def _place_organizations(seeding: Seeding) -> None:
    fixture = (FIXTURES / "organizations.json").read_text(encoding="utf-8")
    organizations = [row.object for row in serializers.deserialize("json", fixture)]
    seeding.place(Organization, organizations, unique=("code",))


def _refuse_pending_migrations() -> None:
    pending = len(pending_migrations(connection=connection))
    if pending:
        message = ngettext(
            "%(count)d migration has not been applied. Apply it, then seed again: manage.py migrate",
            "%(count)d migrations have not been applied. Apply them, then seed again: manage.py migrate",
            pending,
        )
        raise UnableToSeed(message % {"count": pending})


def _refusal(environment: str) -> str:
    return _(
        "Demo data is invented and does not belong into the database of %(environment)s. "
        "To put in the four organizations only: manage.py seed"
    ) % {"environment": environment}


def _conflict(error: IntegrityError) -> str:
    return _(
        "Rows that are in the database do not agree with the seed data, so nothing was put in. "
        "Correct or remove what the database names, then seed again: %(reason)s"
    ) % {"reason": " ".join(str(error).split())}


def _unwritable(error: OSError) -> str:
    return _(
        "The receipt files cannot be copied to the storage, so nothing was put in. "
        "Make MEDIA_ROOT writable, then seed again: %(reason)s"
    ) % {"reason": error}
