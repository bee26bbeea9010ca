import logging

import pytest
from django.db import DatabaseError, connection, transaction

from budget.models import User
from config.operations.slow_queries import log_when_slow

LOGGER = "config.operations.slow_queries"


@pytest.fixture
def slow_queries(caplog):
    """Return a function that lists the lines of the query log."""
    caplog.set_level(logging.INFO, logger=LOGGER)
    return lambda: [record.getMessage() for record in caplog.records if record.name == LOGGER]


@pytest.mark.django_db
class TestLogWhenSlow:
    def test_names_a_slow_query_with_its_connection_but_without_its_values(self, settings, slow_queries):
        settings.SLOW_QUERY_SECONDS = 0

        list(User.objects.filter(name="김요한"))

        assert len(slow_queries()) == 1
        assert " s on default: SELECT " in slow_queries()[0]
        assert "%s" in slow_queries()[0]
        assert "김요한" not in slow_queries()[0]

    def test_is_silent_about_a_quick_query(self, slow_queries):
        list(User.objects.all())

        assert slow_queries() == []

    def test_names_a_query_that_fails_after_a_long_time(self, settings, slow_queries):
        settings.SLOW_QUERY_SECONDS = 0

        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

        assert any("SELECT … / …" in line for line in slow_queries())


@pytest.mark.django_db(transaction=True)
class TestWatchQueries:
    def test_times_each_query_once_however_often_one_connects(self):
        for _ in range(2):
            connection.close()
            connection.ensure_connection()

        assert connection.execute_wrappers.count(log_when_slow) == 1
