"""Tells people elsewhere what happened here: through a Slack-compatible webhook, and by e-mail.

Whoever notifies has done its work already, so nothing in here raises, waits for long or repeats a secret.
"""

import enum
import http.client
import logging
import re
import socket
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from config.operations.deadline import within
from config.operations.webhook import InvalidAddress, post_message
from config.redaction import MASK, redact

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 10.0
_LONGEST_TITLE = 150
_LONGEST_TEXT = 3000  # Slack asks for less than 4,000 characters.
# A shorter part of an address is a word of everybody's, and would be masked everywhere.
_SHORTEST_SECRET_PATH = 8


class Level(TextChoices):
    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    ERROR = "error", _("Error")


class Channel(enum.StrEnum):
    WEBHOOK = "webhook"
    EMAIL = "email"


class Result(TextChoices):
    SENT = "sent", _("sent")
    NOT_CONFIGURED = "not configured", _("not configured, so nothing was sent")
    INVALID_ADDRESS = "invalid address", _("the address is not a valid https address")
    UNKNOWN_HOST = "unknown host", _("the name of the host does not resolve to an address")
    NO_CONNECTION = "no connection", _("nothing listens there")
    NO_ANSWER = "no answer", _("there was no answer in time")
    RATE_LIMITED = "rate limited", _("the receiver wants fewer messages")
    REJECTED = "rejected", _("the receiver rejected the message")
    FAILED = "failed", _("it failed for another reason")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What happened to one channel; `detail` is an HTTP status or the name of an exception."""

    channel: Channel
    result: Result
    detail: str = ""

    @property
    def is_failure(self) -> bool:
        return self.result not in (Result.SENT, Result.NOT_CONFIGURED)


_RESULTS: tuple[tuple[type[Exception], Result], ...] = (
    (InvalidAddress, Result.INVALID_ADDRESS),
    (http.client.InvalidURL, Result.INVALID_ADDRESS),
    (UnicodeError, Result.INVALID_ADDRESS),
    (TimeoutError, Result.NO_ANSWER),
    (socket.gaierror, Result.UNKNOWN_HOST),
    (ConnectionRefusedError, Result.NO_CONNECTION),
)


def notify(
    *,
    title: str,
    text: str,
    level: Level = Level.INFO,
    timeout_seconds: float = TIMEOUT_SECONDS,
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
) -> tuple[Outcome, ...]:
    """Send a message to every configured channel; log and return what happened to each. Never raises.

    Takes at most `timeout_seconds` for each attempt: one by e-mail, and one through the webhook, or two
    when that asks for a pause of at most `longest_pause_seconds`.
    """

    def webhook() -> Outcome:
        return _send_webhook(title, text, level, timeout_seconds, longest_pause_seconds)

    outcomes = (
        _attempt(Channel.WEBHOOK, webhook),
        _attempt(Channel.EMAIL, lambda: _send_email(title, text, level, timeout_seconds)),
    )
    for outcome in outcomes:
        _log(outcome)
    return outcomes


def _attempt(channel: Channel, send: Callable[[], Outcome]) -> Outcome:
    try:
        return send()
    except Exception as error:
        behind = error.reason if isinstance(error, urllib.error.URLError) else error
        result = next((result for kind, result in _RESULTS if isinstance(behind, kind)), Result.FAILED)
        # The words of an exception may hold the address.
        return Outcome(channel=channel, result=result, detail=type(behind).__name__)


def _log(outcome: Outcome) -> None:
    if outcome.result is Result.NOT_CONFIGURED:
        return
    level = logging.WARNING if outcome.is_failure else logging.INFO
    detail = f" ({outcome.detail})" if outcome.detail else ""
    logger.log(level, "notification by %s: %s%s", outcome.channel, outcome.result.value, detail)


def _send_webhook(
    title: str, text: str, level: Level, timeout_seconds: float, longest_pause_seconds: float
) -> Outcome:
    address = _webhook_address()
    if not address:
        return Outcome(channel=Channel.WEBHOOK, result=Result.NOT_CONFIGURED)
    status_code = post_message(
        address=address,
        title=_subject(title, level),
        text=_body(text),
        timeout_seconds=timeout_seconds,
        longest_pause_seconds=longest_pause_seconds,
    )
    return Outcome(channel=Channel.WEBHOOK, result=_result_for(status_code), detail=f"HTTP {status_code}")


def _result_for(status_code: int) -> Result:
    if status_code == http.HTTPStatus.TOO_MANY_REQUESTS:
        return Result.RATE_LIMITED
    return Result.SENT if 200 <= status_code < 300 else Result.REJECTED


def _send_email(title: str, text: str, level: Level, timeout_seconds: float) -> Outcome:
    recipients = list(getattr(settings, "NOTIFY_EMAIL_RECIPIENTS", ()))
    if not recipients:
        return Outcome(channel=Channel.EMAIL, result=Result.NOT_CONFIGURED)
    connection = get_connection(timeout=timeout_seconds)
    message = EmailMessage(_subject(title, level), _body(text), to=recipients, connection=connection)
    within(seconds=timeout_seconds, work=message.send)
    return Outcome(channel=Channel.EMAIL, result=Result.SENT)


def _subject(title: str, level: Level) -> str:
    """Return a title on one line, as the header of an e-mail demands."""
    line = " ".join(_clean(title).split())
    return f"[{level.label}] {_shorten(line, _LONGEST_TITLE)} ({settings.ENVIRONMENT})"


def _body(text: str) -> str:
    return _shorten(_clean(text), _LONGEST_TEXT)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _clean(text: str) -> str:
    """Return `text` without secrets, among them those that only a notification needs."""
    text, address = str(text), _webhook_address()
    path = address.partition("://")[2].partition("/")[2]
    for secret in (address, path if len(path) >= _SHORTEST_SECRET_PATH else ""):
        text = text.replace(secret, MASK) if secret else text
    password = str(getattr(settings, "EMAIL_HOST_PASSWORD", ""))
    if password:
        text = re.sub(rf"(?<!\w){re.escape(password)}(?!\w)", MASK, text)
    return redact(text)


def _webhook_address() -> str:
    return str(getattr(settings, "NOTIFY_WEBHOOK_URL", "") or "").strip()
