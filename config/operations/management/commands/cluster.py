"""Starts, stops, shows or removes the private PostgreSQL cluster of the current settings."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from config.cluster import (
    Cluster,
    ClusterError,
    ClusterStatus,
    StartedCluster,
    cluster_status,
    remove_cluster,
    stop_cluster,
)
from config.operations.provision import start_provisioned_cluster


class Command(BaseCommand):
    """`status` of a cluster that is not running is the bad answer, exit code 1."""

    help = _("Start, stop, show or remove the private PostgreSQL cluster of these settings.")
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action",
            choices=["start", "stop", "status", "remove"],
            help=_("remove deletes the data, and refuses unless the cluster is a throw-away one."),
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help=_("Print one JSON object."))

    def handle(self, *args: Any, action: str, as_json: bool, **options: Any) -> None:
        cluster: Cluster | None = settings.CLUSTER
        if cluster is None:
            self._report(
                as_json, "external", _("The settings name a server, so there is no private cluster.")
            )
            return
        try:
            state = self._act(action, cluster)
        except ClusterError as error:
            raise CommandError(str(error), returncode=2) from error
        self._report(as_json, state, _sentences()[state] % {"folder": cluster.folder}, cluster)
        if action == "status" and state != "running":
            raise CommandError(_("It is not running.\n→ Type: manage.py cluster start"), returncode=1)

    def _act(self, action: str, cluster: Cluster) -> str:
        if action == "start":
            return _state_after(start_provisioned_cluster(cluster=cluster))
        if action == "status":
            return _state_after(cluster_status(cluster=cluster))
        before = (stop_cluster if action == "stop" else remove_cluster)(cluster=cluster)
        if action == "remove" and before.state != "absent":
            return "removed"
        return "was stopped" if before.state == "running" else before.state

    def _report(self, as_json: bool, state: str, sentence: str, cluster: Cluster | None = None) -> None:
        if not as_json:
            self.stdout.write(sentence)
            return
        answer = {"state": state}
        if cluster is not None:
            answer |= {"profile": cluster.profile.name, "data_directory": str(cluster.data_directory)}
            answer |= {"socket_directory": str(cluster.socket_directory), "log_file": str(cluster.log_file)}
        self.stdout.write(json.dumps(answer, ensure_ascii=False))


def _state_after(result: StartedCluster | ClusterStatus) -> str:
    return result.outcome if isinstance(result, StartedCluster) else result.state


def _sentences() -> dict[str, str]:
    return {
        "created": _("Created and started the cluster in %(folder)s."),
        "started": _("Started the cluster in %(folder)s."),
        "already running": _("The cluster in %(folder)s is already running."),
        "running": _("The cluster in %(folder)s is running."),
        "stopped": _("The cluster in %(folder)s is stopped."),
        "was stopped": _("Stopped the cluster in %(folder)s."),
        "removed": _("Removed the cluster in %(folder)s."),
        "absent": _("There is no cluster in %(folder)s."),
    }
