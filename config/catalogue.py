"""Korean sentences for what runs before Django, or any installed library, can translate.

Setting up the machine and reading the settings happen before gettext has a compiled catalogue, so
these few modules look their sentences up in the `.po` file itself.
"""

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path

LANGUAGES = ("ko", "en")
CATALOGUE = Path(__file__).resolve().parent.parent / "locale" / "ko" / "LC_MESSAGES" / "django.po"

# What the file of the environment says; nothing before that file is read.
_language_of_file = ""


def translate(text: str) -> str:
    """Return `text` in the language of LANGUAGE_CODE, from the process or else from the file that was read.

    Korean unless it says “en”: even the refusal of another language has to be in one of the two.
    """
    if os.environ.get("LANGUAGE_CODE", _language_of_file) == "en":
        return text
    return _sentences().get(text) or text


def use_language_of_file(code: str) -> None:
    """Make `code` the language of sentences to come, where the process itself names none."""
    global _language_of_file
    _language_of_file = code


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
