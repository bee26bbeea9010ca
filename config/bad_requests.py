"""Requests that no page of ours sends: the answer is a sentence, not an error of the server."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.utils.deprecation import MiddlewareMixin
from django.utils.log import log_response
from django.utils.translation import gettext as _

# What Django leaves to the view if an address has the wrong form: a key that is none, a number too large
# for its column, a filter that the page does not have. Its forms catch the first two themselves.
FAULTS_OF_THE_REQUEST = (ValidationError, DataError, DisallowedModelAdminLookup)


class BadRequestMiddleware(MiddlewareMixin):
    """Answers 400 to a NUL byte, which PostgreSQL cannot store, and to values that a view could not read.

    Its place is behind CsrfViewMiddleware, which reads a form first and knows what to do if that fails.
    """

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        if _has_nul(_texts(request.GET)) or _has_nul(_texts(request.POST)):
            return _refuse(request)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _refuse(request, exception) if isinstance(exception, FAULTS_OF_THE_REQUEST) else None


def asks_for_year(lookup: str) -> bool:
    """Return whether a filter like start_date__year is named, which Django cannot compute for the year 0."""
    return not {"year", "iso_year"}.isdisjoint(lookup.split("__")[1:])


def _texts(query: QueryDict) -> Iterable[str]:
    for name, values in query.lists():
        yield name
        yield from (value for value in values if isinstance(value, str))


def _has_nul(texts: Iterable[str]) -> bool:
    return any("\0" in text for text in texts)


def _refuse(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = _("The address or the form holds a value that is not valid. Go back and try again.")
    response = HttpResponseBadRequest(sentence, content_type="text/plain; charset=utf-8")
    # Here, because Django would log a warning: whoever guesses addresses should wake nobody.
    log_response(
        "Bad request: %s", request.path, response=response, request=request, level="info", exception=exception
    )
    return response
