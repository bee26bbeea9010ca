"""The app of the audit trail."""

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from audit.context_writer import write_context


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Audit trail")

    def ready(self) -> None:
        from audit.coverage import check_declarations  # Once there are models.

        checks.register(check_declarations)
        connection_created.connect(write_context)
