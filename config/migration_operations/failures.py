"""What all failures that an operator or a developer can mend have in common."""

from django.core.management.base import CommandError


class OperationFailed(CommandError):
    """The message says what is wrong and what to do; `migrate` shows it without a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)
