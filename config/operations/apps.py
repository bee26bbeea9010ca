"""The app of the operators' commands."""

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from config.operations.schema_change.preflight.deployment_checks import TAG, check_deployment
from config.operations.server_version import refuse_old_server
from config.operations.slow_queries import watch_queries


class OperationsConfig(AppConfig):
    name = "config.operations"
    label = "operations"
    verbose_name = _("Operations")

    def ready(self) -> None:
        checks.register(check_deployment, TAG, deploy=True)
        connection_created.connect(refuse_old_server)
        connection_created.connect(watch_queries)
