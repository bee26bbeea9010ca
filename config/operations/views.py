"""What a load balancer asks over HTTP. Whoever asks is anonymous and learns no reasons; the log has them."""

import json
import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from config.operations.health import Probe, Status, check_readiness

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/health+json"


@cache_control(no_store=True)
@require_safe
def liveness(request: HttpRequest) -> HttpResponse:
    """Say that the process answers, and ask nobody else: to restart it would not mend a database."""
    return _respond({"status": Status.PASS}, status=200)


@cache_control(no_store=True)
@require_safe
def readiness(request: HttpRequest) -> HttpResponse:
    """Say whether requests can be served: 503 only for a failure, a warning keeps the process in service."""
    health = check_readiness()
    for probe in health.probes:
        if probe.status is Status.FAIL:
            logger.error("%s: %s", probe.name, probe.output)
    checks = {probe.name: _publish(probe) for probe in health.probes}
    status = 503 if health.status is Status.FAIL else 200
    return _respond({"status": health.status, "checks": checks}, status=status)


def _publish(probe: Probe) -> dict[str, Any]:
    """Return what anybody may know: the verdict and how long it took, in the draft's words."""
    if probe.observed_unit != "ms":
        return {"status": probe.status}
    return {"status": probe.status, "observedValue": probe.observed_value, "observedUnit": "ms"}


def _respond(content: dict[str, Any], *, status: int) -> HttpResponse:
    body = json.dumps(content)
    # Nothing that would count the bytes runs after us.
    headers = {"Content-Length": str(len(body))}
    return HttpResponse(body, content_type=CONTENT_TYPE, status=status, headers=headers)
