"""What may be wrong with the audit trail."""

from collections.abc import Iterator

from django.core import checks
from django.db import connections
from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.coverage import check_triggers
from audit.models import AuditTrail


def check_integrity(*, using: str) -> Iterator[checks.CheckMessage]:
    yield from _tables_that_do_not_exist(using)
    yield from check_triggers(using=using)


def _tables_that_do_not_exist(using: str) -> Iterator[checks.CheckMessage]:
    tables = connections[using].introspection.table_names()
    entries = AuditTrail.objects.using(using).exclude(table_name="").exclude(table_name__in=tables)
    for name, count in entries.values_list("table_name").annotate(Count("pk")).order_by("table_name"):
        message = ngettext(
            "%(count)d entry of the audit trail names the table “%(table)s”, which does not exist.",
            "%(count)d entries of the audit trail name the table “%(table)s”, which does not exist.",
            count,
        )
        yield checks.Warning(
            message % {"count": count, "table": name},
            hint=_(
                "If a migration renamed or dropped the table, this is its history; otherwise it was made up."
            ),
            obj=name,
            id="audit.W101",
        )
