"""Answers the health addresses before every other middleware."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from config.operations.views import liveness, readiness

VIEWS: Mapping[str, Callable[[HttpRequest], HttpResponse]] = MappingProxyType(
    {"/health/": liveness, "/health/database/": readiness}
)


class HealthMiddleware(MiddlewareMixin):
    """A load balancer asks by address and without TLS; any later, it is redirected or its host refused.

    Nor are there a session, a cookie, or a query on the connections that serve people.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        view = VIEWS.get(request.path_info)
        return view(request) if view else None
