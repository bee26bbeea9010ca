"""Search in Korean names: over the letters (자모) that Hangul syllables are made of.

A trigram index holds runs of three characters, so it cannot help a word of two syllables. Decomposed
(Unicode NFD) the same word has four to six letters, and the index serves it.
"""

import unicodedata

from django.db import models
from django.db.models.functions import Concat, Lower
from django.utils.translation import gettext_lazy as _


class Decomposed(models.Func):
    """Lower case and decomposed, in the database; `decompose` is its twin in Python."""

    template = "normalize(%(expressions)s, NFD)"
    output_field = models.TextField()

    def __init__(self, expression: models.expressions.Combinable) -> None:
        super().__init__(Lower(expression))


def decompose(text: str) -> str:
    return unicodedata.normalize("NFD", text.lower())


def search_text(first: str, *others: str) -> models.GeneratedField:
    """Return the stored column that a search over these columns looks into."""
    parts: list[models.F | models.Value] = [models.F(first)]
    for column in others:
        parts += [models.Value(" "), models.F(column)]
    return models.GeneratedField(
        expression=Decomposed(Concat(*parts, output_field=models.TextField())),
        output_field=models.TextField(),
        db_persist=True,
        verbose_name=_("search text"),
        db_comment=f"Decomposed lower case of {', '.join([first, *others])}, for search",
    )


def matching(
    queryset: models.QuerySet[models.Model], term: str, *, path: str = ""
) -> models.QuerySet[models.Model]:
    """Return the rows whose search text, at `path` ("event__"), contains every word of `term`."""
    for word in decompose(term).split():
        queryset = queryset.filter(**{f"{path}search_text__contains": word})
    return queryset
