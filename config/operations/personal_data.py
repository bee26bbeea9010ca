"""Takes people out of logs that leave this machine: what may be a name, an address or a number is masked.

Our own log messages are English, and values stand in quotes or in Korean. So what is kept is what is known to
be harmless: English words, names of tables and columns, times, and the keys of rows.
"""

import functools
import re

from django.apps import apps

from config.redaction import redact

HIDDEN = "…"

# The server repeats whole rows in its details, over several lines if a value has any.
_DETAILS = re.compile(
    r"(?P<label>DETAIL|상세정보):.*?(?=\n\s*(?:HINT|CONTEXT|LINE|STATEMENT)\b|\n\d{4}-\d\d-\d\dT|\nTraceback|\n\n|\Z)",
    re.DOTALL,
)
_QUERY_STRING = re.compile(r"\?(?=[\w%]+=)[^\s\"']*")
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED = re.compile(
    r"(?<![\w\\])(?P<quote>['\"])(?P<text>(?:\\.|(?!(?P=quote))[^\\\n])*)(?P=quote)|“[^”\n]*”"
)
# As it is, as the bytes of an address, and as Python writes it in a repr of bytes or in JSON.
_KOREAN = re.compile(
    r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]+|(?:%[89a-fA-F][0-9a-fA-F]){2,}|(?:\\x[89a-f][0-9a-f]){2,}|(?:\\u[0-9a-f]{4})+"
)
_NUMBER = re.compile(
    r"""
      (?P<kept>
          \b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?
        | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b
        | \b[0-9a-f]{64}\b
      )
    | (?P<number> \+?\d(?:[ .()-]{0,2}\d){6,} )
    """,
    re.VERBOSE,
)
_REQUEST = re.compile(r"[A-Z]+ [^\s?]+(?:\?\S*)? HTTP/[\d.]+")
_SOURCE_FILE = re.compile(r"[^\n]*\.(?:py|html)")


def without_people(text: str) -> str:
    """Return a log without secrets and without what may be personal data."""
    text = redact(text)
    text = _DETAILS.sub(rf"\g<label>: {HIDDEN}", text)
    text = _QUERY_STRING.sub(f"?{HIDDEN}", text)
    text = _EMAIL.sub(HIDDEN, text)
    text = _QUOTED.sub(_quoted, text)
    text = _NUMBER.sub(lambda found: found["kept"] or HIDDEN, text)
    return _KOREAN.sub(HIDDEN, text)


def _quoted(found: re.Match[str]) -> str:
    text = found["text"]
    if text is None:
        return f"“{HIDDEN}”"
    harmless = text in _names_of_the_schema() or _REQUEST.fullmatch(text) or _SOURCE_FILE.fullmatch(text)
    return found[0] if harmless else f"{found['quote']}{HIDDEN}{found['quote']}"


@functools.cache
def _names_of_the_schema() -> frozenset[str]:
    names = {"", HIDDEN}
    for model in apps.get_models(include_auto_created=True):
        names.add(model._meta.db_table)
        names.update(str(field.column) for field in model._meta.concrete_fields)
        names.update(constraint.name for constraint in model._meta.constraints)
        names.update(index.name for index in model._meta.indexes)
    return frozenset(names)
