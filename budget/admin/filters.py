"""Filters that stay fast on big tables: none reads the distinct values of a column."""

import datetime
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

# From the last event to the last one of an earlier year, and so on: one look into events_by_date for
# each year that has events, however many they are.
YEARS_WITH_EVENTS = """
    WITH RECURSIVE latest (day) AS (
        (SELECT start_date FROM events ORDER BY start_date DESC LIMIT 1)
        UNION ALL
        SELECT (SELECT start_date
                  FROM events
                 WHERE start_date < make_date(extract(year FROM latest.day)::int, 1, 1)
                 ORDER BY start_date DESC
                 LIMIT 1)
          FROM latest
         WHERE latest.day IS NOT NULL
    )
    SELECT extract(year FROM day)::int FROM latest WHERE day IS NOT NULL
"""


class BudgetYearFilter(admin.SimpleListFilter):
    """The years that have events, the last first."""

    title = _("budget year")
    parameter_name = "year"
    path = "start_date"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        with connection.cursor() as cursor:
            cursor.execute(YEARS_WITH_EVENTS)
            return [(str(year), str(year)) for (year,) in cursor.fetchall()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {key for key, _label in self.lookup_choices}:
            return queryset
        year = int(self.value() or 0)
        days = (datetime.date(year, 1, 1), datetime.date(year, 12, 31))
        return queryset.filter(**{f"{self.path}__range": days})


class BudgetYearOfEventFilter(BudgetYearFilter):
    path = "event__start_date"
