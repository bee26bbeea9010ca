"""The app of the audit trail."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core import checks
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from audit.context_writer import write_context


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Audit trail")

    def ready(self) -> None:
        # Once there are models.
        from audit.coverage import check_declarations
        from audit.sign_in import record_failed_sign_in, record_sign_in

        checks.register(check_declarations)
        connection_created.connect(write_context)
        user_logged_in.connect(record_sign_in)
        user_login_failed.connect(record_failed_sign_in)
