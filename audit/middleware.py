"""Says of every request who acts, from where, and in which session."""

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from uuid_utils.compat import uuid7

from audit.context import Context, context_from, fitting, identity

REQUEST_ID_HEADER = "X-Request-ID"


class AuditMiddleware:
    """Its place is behind AuthenticationMiddleware. Nobody is looked up before something is written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = uuid7()
        with context_from(_RequestSource(request, request_id)):
            response = self.get_response(request)
        response.headers[REQUEST_ID_HEADER] = str(request_id)
        return response


class _RequestSource:
    """The context of a request, whose person and session change when somebody signs in or out."""

    def __init__(self, request: HttpRequest, request_id: UUID) -> None:
        self._request = request
        self._of: tuple[object, str | None] | None = None
        self._is_asking = False
        self._context = self._anonymous = Context(
            ip_address=client_address(request),
            user_agent=fitting(request.headers.get("User-Agent", "")),
            request_id=request_id,
        )

    def __call__(self) -> Context:
        # To load a person may itself write, as when the session turns out to be stale.
        if self._is_asking:
            return self._anonymous
        user, key = self._request.user, self._request.session.session_key
        if self._of is None or self._of[0] is not user or self._of[1] != key:
            self._is_asking = True
            try:
                person = identity(user)
            finally:
                self._is_asking = False
            self._context = replace(self._anonymous, session_hash=session_hash(key), **person)
            self._of = (user, key)
        return self._context


def session_hash(key: str | None) -> str:
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, or nothing where there is none, as on a socket of the machine.

    Each of the TRUSTED_PROXIES adds one address to X-Forwarded-For; what stands before those may be invented.
    """
    remote = request.META.get("REMOTE_ADDR", "")
    forwarded = [part for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    proxies = settings.TRUSTED_PROXIES
    if 0 < proxies <= len(forwarded):
        return _address(forwarded[-proxies]) or _address(remote)
    return _address(remote)


def _address(text: str) -> str:
    """Return an address without the port and the network interface that some write behind it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
