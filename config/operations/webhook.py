"""Posts a message to a Slack-compatible webhook."""

import datetime
import email.utils
import http
import ipaddress
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

from config.operations.deadline import within

_PAUSE_SECONDS = 1.0  # Slack takes one message a second.


class InvalidAddress(Exception):
    """Not an https address. It is not repeated, because whoever knows it can write to the channel."""


@dataclass(frozen=True)
class _Answer:
    status_code: int
    retry_after: str


def post_message(
    *, address: str, title: str, text: str, timeout_seconds: float, longest_pause_seconds: float
) -> int:
    """Return the receiver's HTTP status. Raises InvalidAddress, or what urllib and http.client raise.

    Each attempt takes at most `timeout_seconds`. A receiver that asks for a pause (429) gets it, unless it
    is longer than `longest_pause_seconds`, and one more attempt.
    """
    opener = _opener(_parse(address))
    request = _request(address, title, text)
    answer = within(seconds=timeout_seconds, work=lambda: _post(opener, request, timeout_seconds))
    if answer.status_code == http.HTTPStatus.TOO_MANY_REQUESTS:
        pause = _pause_seconds(answer.retry_after)
        if pause <= longest_pause_seconds:
            time.sleep(pause)
            answer = within(seconds=timeout_seconds, work=lambda: _post(opener, request, timeout_seconds))
    return answer.status_code


def _parse(address: str) -> SplitResult:
    """Return the parts of an address that may be written to. Plain http must not leave this machine."""
    try:
        parts = urlsplit(address)
        _port = parts.port  # Raises where it is not a number.
    except ValueError:
        raise InvalidAddress from None
    allowed = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))
    if not allowed or not parts.hostname or parts.username is not None:
        raise InvalidAddress
    return parts


def _is_loopback(parts: SplitResult) -> bool:
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _request(address: str, title: str, text: str) -> urllib.request.Request:
    content = json.dumps({"text": f"*{_escape(title)}*\n{_escape(text)}"}).encode()
    return urllib.request.Request(  # noqa: S310 - _parse() refused other schemes
        address, data=content, headers={"Content-Type": "application/json; charset=utf-8"}, method="POST"
    )


def _escape(text: str) -> str:
    """Return text in which Slack sees neither links nor calls such as <!channel>."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """The message would go wherever the answer points, past the checks of the address."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def _opener(parts: SplitResult) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [_RefuseRedirects]
    if _is_loopback(parts):
        handlers.append(urllib.request.ProxyHandler({}))  # No proxy leads back to this machine.
    return urllib.request.build_opener(*handlers)


def _post(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request, timeout_seconds: float
) -> _Answer:
    try:
        with opener.open(request, timeout=timeout_seconds) as response:
            return _Answer(status_code=response.status, retry_after="")
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(status_code=error.code, retry_after=error.headers.get("Retry-After", ""))


def _pause_seconds(retry_after: str) -> float:
    """Return the seconds of a Retry-After header, which holds a number or a date (RFC 9110, 10.2.3)."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return _PAUSE_SECONDS
    now = datetime.datetime.now(tz=datetime.UTC)
    return max(0.0, (moment.astimezone(datetime.UTC) - now).total_seconds())
