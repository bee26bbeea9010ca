"""Takes secrets out of what is written to a log or a terminal."""

import logging
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from django.conf import settings

MASK = "********"

_KEY = r"[\w-]*(?:password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|webhook|cookie)[\w-]*"
_QUOTED = r"""b?'(?:[^'\\]|\\.|'')*'|b?"(?:[^"\\]|\\.)*\""""
_PATTERNS = (
    # user:password@ in the address of a server; a password may itself contain @ and /, a port ends at /.
    (re.compile(r"(\w://[^\s:/@]*):(?!\d+[/?#])[^\s'\"]+@"), rf"\1:{MASK}@"),
    # Whoever knows the address of a webhook can write to the channel behind it.
    (re.compile(r"https?://[^\s'\"]*\b(?:web)?hooks?\b[^\s'\"]*", re.IGNORECASE), MASK),
    (
        re.compile(r"(authorization['\"]?\s*[:=]\s*(?:b?['\"])?)(?:\w+\s+)?[^\s'\"]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (re.compile(r"AGE-SECRET-KEY-1\w+", re.IGNORECASE), MASK),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    # name=value, "name": "value" and SQL's PASSWORD 'value'.
    (
        re.compile(
            rf"(\b{_KEY}['\"]?)(\s*[:=]\s*|\s+(?=['\"]))(?:{_QUOTED}|[^\s,;&)}}\]'\"]+)", re.IGNORECASE
        ),
        rf"\1\2{MASK}",
    ),
)


class RedactingFormatter(logging.Formatter):
    """Redacts the finished text: message, arguments, traceback and stack, wherever the secret came from.

    A filter would see the parts only, and would have to change the record for every other handler.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def redact(text: str) -> str:
    """Return `text` without passwords, tokens, keys and the configured secrets."""
    for secret in _configured_secrets():
        # Whole words only: the password of a development server may be a syllable of everything else.
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _configured_secrets() -> Iterator[str]:
    """Yield the secrets of the settings, as they are and as an address spells them."""
    if not settings.configured:
        return
    passwords = (str(database.get("PASSWORD") or "") for database in settings.DATABASES.values())
    others = (settings.EMAIL_HOST_PASSWORD, getattr(settings, "NOTIFY_WEBHOOK_URL", ""))
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, *passwords, *others):
        if secret:
            yield from {str(secret), quote(str(secret), safe=""), quote_plus(str(secret))}
