import logging
import sys

import pytest

from config.redaction import MASK, RedactingFormatter, redact

SECRET = "s3cr3t-Wq7"


class TestRedact:
    @pytest.mark.parametrize(
        "text",
        [
            f"password={SECRET} host=db",
            f"{{'password': '{SECRET}', 'user': 'u'}}",
            f'{{"db_password": "{SECRET}"}}',
            f"DB_PASSWORD={SECRET}",
            f"PGPASSWORD={SECRET}",
            f"password=b'{SECRET}', host=b'db'",
            f"ALTER ROLE parish PASSWORD 'it''s {SECRET}'",
            f"SECRET_KEY = '{SECRET}'",
            f"csrftoken={SECRET}; path=/",
            f"api_key: {SECRET}",
            f"# AGE-SECRET-KEY-1{SECRET}",
            f"Authorization: Bearer {SECRET}",
            f"'HTTP_AUTHORIZATION': 'Basic {SECRET}'",
            f"sent Bearer {SECRET} to the server",
            f"postgres://parish:{SECRET}@db.example.org:5432/parish",
            f"postgres://parish:p@ss/{SECRET}@db.example.org/parish",
            f"https://hooks.slack.com/services/T0/B0/{SECRET}",
            f"https://example.org/webhook/{SECRET}",
            f"SLACK_WEBHOOK_URL=https://chat.example.org/{SECRET}",
        ],
    )
    def test_removes_a_secret_in_every_usual_form(self, text):
        redacted = redact(text)

        assert SECRET not in redacted
        assert MASK in redacted

    @pytest.mark.parametrize(
        "text",
        [
            "DB_PASSWORD is missing. Set it in the environment or in .env.production.",
            'password authentication failed for user "parish"',
            "GET http://localhost:8000/admin/?next=a@b 200",
            "CSRF token missing",
            "https://budget.example.org/admin/budget/event/",
            "budget.0002_users applied in 0.03 s",
        ],
    )
    def test_leaves_what_is_no_secret(self, text):
        assert redact(text) == text

    @pytest.mark.parametrize("text", ["the value {} was refused", "({})", "'{}'", "/x?y={}&z"])
    def test_removes_the_configured_values_wherever_they_stand(self, settings, monkeypatch, text):
        settings.SECRET_KEY = "key of the tests"
        default = {**settings.DATABASES["default"], "PASSWORD": SECRET}
        monkeypatch.setitem(settings.DATABASES, "default", default)

        assert SECRET not in redact(text.format(SECRET))
        assert "key of the tests" not in redact(text.format("key of the tests"))

    def test_removes_a_configured_value_as_an_address_spells_it(self, settings):
        settings.SECRET_KEY = "key/of the tests"

        assert redact("key%2Fof%20the%20tests") == MASK

    def test_spares_words_that_contain_a_short_password(self, settings):
        settings.SECRET_KEY = "budget"

        assert redact("budgets of budget_lines, budget") == f"budgets of budget_lines, {MASK}"


class TestRedactingFormatter:
    def test_reaches_arguments_and_traceback(self):
        try:
            raise ValueError(f"password={SECRET}")
        except ValueError:
            record = logging.LogRecord(
                "config", logging.ERROR, __file__, 1, "for %s", ({"token": SECRET},), sys.exc_info()
            )

        text = RedactingFormatter("%(message)s").format(record)

        assert "ValueError" in text
        assert SECRET not in text

    def test_leaves_the_record_to_other_handlers(self):
        record = logging.LogRecord("config", logging.INFO, __file__, 1, "token=%s", (SECRET,), None)

        RedactingFormatter("%(message)s").format(record)

        assert record.getMessage() == f"token={SECRET}"
