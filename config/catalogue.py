"""Korean sentences for what runs before Django, or any installed library, can translate.

Setting up the machine and reading the settings happen before gettext has a compiled catalogue, so
these few modules look their sentences up in the `.po` file itself.
"""

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path

CATALOGUE = Path(__file__).resolve().parent.parent / "locale" / "ko" / "LC_MESSAGES" / "django.po"


def translate(text: str) -> str:
    """Return `text` in the language of LANGUAGE_CODE (Korean unless it names another)."""
    if os.environ.get("LANGUAGE_CODE", "ko") != "ko":
        return text
    return _sentences().get(text) or text


@functools.cache
def _sentences() -> dict[str, str]:
    sentences: dict[str, str] = {}
    for entry in CATALOGUE.read_text(encoding="utf-8").split("\n\n"):
        parts = dict(_parts(entry))
        if "msgid" in parts and "msgstr" in parts:
            sentences[parts["msgid"]] = parts["msgstr"]
    return sentences


def _parts(entry: str) -> Iterator[tuple[str, str]]:
    """Yield ("msgid", text) and ("msgstr", text); a quoted line continues the part above it."""
    keyword, text = "", ""
    for line in entry.splitlines():
        if line.startswith('"'):
            text += ast.literal_eval(line)
        elif line.startswith(("msgid ", "msgstr ")):
            if keyword:
                yield keyword, text
            keyword, quoted = line.split(" ", 1)
            text = ast.literal_eval(quoted)
    if keyword:
        yield keyword, text
