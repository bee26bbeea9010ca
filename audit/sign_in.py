"""Records who signs in, and who tries to."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from audit.context import fitting
from audit.recording import Action, Severity, record

_LONGEST_ADDRESS = 254


@transaction.atomic
def record_sign_in(*, user: Any, **signal: Any) -> None:
    """Record that `user` has signed in. A receiver of user_logged_in."""
    record(action=Action.LOGIN, table_name=user._meta.db_table, record_id=user.pk)


@transaction.atomic
def record_failed_sign_in(
    *, credentials: dict[str, Any], request: HttpRequest | None = None, **signal: Any
) -> None:
    """Record the address that somebody has typed, and nothing else of it. A receiver of user_login_failed."""
    typed = str(credentials.get("username") or credentials.get("email") or "")
    record(
        action=Action.LOGIN_FAILED,
        severity=Severity.WARNING,
        new_values={"email": fitting(typed, longest=_LONGEST_ADDRESS)},
    )
