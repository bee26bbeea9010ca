"""What all failures that an operator or a developer can mend have in common."""

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _


class OperationFailed(CommandError):
    """The message says what is wrong and what to do; `migrate` shows it without a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)


class NeedsOwnTransactions(OperationFailed):
    """The migration runs in one transaction; the message says which line changes that."""


def require_own_transactions(connection: BaseDatabaseWrapper, *, operation: str) -> None:
    """Raise NeedsOwnTransactions where a transaction is open."""
    if connection.in_atomic_block:
        raise NeedsOwnTransactions(
            _(
                "%(operation)s commits again and again, but the migration runs in one transaction.\n"
                "→ Write in its class: atomic = False"
            )
            % {"operation": operation}
        )
