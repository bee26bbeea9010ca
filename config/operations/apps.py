"""The app of the operators' commands."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from config.operations.server_version import refuse_old_server
from config.operations.slow_queries import watch_queries


class OperationsConfig(AppConfig):
    name = "config.operations"
    label = "operations"
    verbose_name = _("Operations")

    def ready(self) -> None:
        connection_created.connect(refuse_old_server)
        connection_created.connect(watch_queries)
