"""Records what people do, besides what the triggers record of its effects."""

from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from audit.models import AuditTrail

Action = AuditTrail.Action
Severity = AuditTrail.Severity

_OF_THE_DATABASE = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE"})


class NoTransaction(Exception):
    """An action was to be recorded outside of the transaction that carries it out."""


class NotAnAction(Exception):
    """INSERT, UPDATE, DELETE and the like are recorded by the database alone."""


def record(
    *,
    action: str,
    table_name: str = "",
    record_id: UUID | None = None,
    organization_id: UUID | None = None,
    reason: str = "",
    severity: str = Severity.INFO,
    old_values: dict[str, Any] | None = None,
    new_values: dict[str, Any] | None = None,
    using: str = DEFAULT_DB_ALIAS,
) -> UUID:
    """Return the key of the entry that says who has done what, and why.

    It belongs to the transaction that is open, as do the changes that the action makes. Without a `reason`
    the entry has that of the context. Raises NoTransaction and NotAnAction.
    """
    connection = connections[using]
    if not connection.in_atomic_block:
        raise NoTransaction(_("%(action)s can only be recorded in a transaction.") % {"action": action})
    if action in _OF_THE_DATABASE or action not in Action.values:
        raise NotAnAction(_("%(action)s is no action of a person.") % {"action": action})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT record_action(%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                action,
                table_name,
                record_id,
                organization_id,
                reason,
                severity,
                _json(old_values),
                _json(new_values),
            ],
        )
        (key,) = cursor.fetchone()
    return UUID(str(key))


def _json(values: dict[str, Any] | None) -> Any:
    return None if values is None else Jsonb(values)
