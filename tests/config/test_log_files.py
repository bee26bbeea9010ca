import logging
import stat
from datetime import UTC, datetime

import pytest

from config.log_files import MIGRATIONS_LOGGER, QUERIES_LOGGER, DailyFile
from tests.config.servers import python

NOON = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def record(message="text", *, moment=NOON, level=logging.INFO):
    made = logging.LogRecord("config", level, __file__, 1, message, None, None)
    made.created = moment.timestamp()
    return made


@pytest.fixture
def daily_file(tmp_path):
    handler = DailyFile(tmp_path / "logs", "application")
    yield handler
    handler.close()


def read(folder):
    """Return the text of each log, by its stream."""
    return {path.name.split("-")[0]: path.read_text(encoding="utf-8") for path in folder.glob("*.log")}


class TestDailyFile:
    def test_writes_nothing_before_the_first_line(self, tmp_path, daily_file):
        assert list(tmp_path.iterdir()) == []

    def test_names_the_file_by_its_stream_and_the_day(self, tmp_path, daily_file):
        daily_file.handle(record())

        assert [path.name for path in (tmp_path / "logs").iterdir()] == ["application-2026-03-01.log"]

    def test_begins_a_new_file_at_midnight_in_seoul(self, tmp_path, daily_file):
        daily_file.handle(record("before", moment=datetime(2026, 3, 1, 14, 59, 59, tzinfo=UTC)))
        daily_file.handle(record("after", moment=datetime(2026, 3, 1, 15, 0, 0, tzinfo=UTC)))

        folder = tmp_path / "logs"
        assert (folder / "application-2026-03-01.log").read_text() == "before\n"
        assert (folder / "application-2026-03-02.log").read_text() == "after\n"

    def test_appends_to_what_another_process_wrote(self, tmp_path, daily_file):
        other = DailyFile(tmp_path / "logs", "application")

        daily_file.handle(record("first"))
        other.handle(record("second"))
        daily_file.handle(record("third"))
        other.close()

        text = (tmp_path / "logs" / "application-2026-03-01.log").read_text()
        assert text == "first\nsecond\nthird\n"

    def test_goes_on_when_somebody_moves_the_file_away(self, tmp_path, daily_file):
        path = tmp_path / "logs" / "application-2026-03-01.log"
        daily_file.handle(record("first"))
        path.rename(tmp_path / "archived.log")

        daily_file.handle(record("second"))

        assert path.read_text() == "second\n"

    def test_is_for_the_owner_only(self, tmp_path, daily_file):
        daily_file.handle(record())

        folder = tmp_path / "logs"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "application-2026-03-01.log").stat().st_mode) == 0o600

    def test_says_in_one_line_that_it_cannot_write(self, tmp_path, capsys):
        (tmp_path / "logs").write_text("a file where the folder should be")
        handler = DailyFile(tmp_path / "logs", "application")

        handler.handle(record())

        errors = capsys.readouterr().err.splitlines()
        assert len(errors) == 1
        assert "application-2026-03-01.log" in errors[0]


WRITE = """
import logging, logging.config, sys
from config.log_files import logging_settings
from django.conf import settings
database = {"PASSWORD": "pass-of-the-settings"}
settings.configure(SECRET_KEY="key-of-the-settings-4711", DATABASES={"default": database})
logging.config.dictConfig(logging_settings(folder=sys.argv[1], migrations=sys.argv[2] == "True"))
operations = ("config.operations.migrations", "config.operations.slow_queries")
for name in ("budget.events", "django.request", *operations, "pip"):
    logging.getLogger(name).debug("debug of %s", name)
    logging.getLogger(name).info("info of %s", name)
    logging.getLogger(name).warning("warning of %s", name)
try:
    raise RuntimeError("key-of-the-settings-4711 postgres://a:in-the-address@b/c")
except RuntimeError:
    logging.getLogger("budget").exception("failed with %s", {"password": "in-the-arguments"})
logging.getLogger("config.operations.migrations").error("error of config.operations.migrations")
logging.getLogger("anything").error("error of anything: pass-of-the-settings")
"""


def write(folder, *, migrations=True):
    """Log from a process of its own; return its stderr, too."""
    result = python("-W", "error", "-c", WRITE, str(folder), str(migrations))
    assert result.returncode == 0, result.stderr
    return result.stderr


class TestLoggingSettings:
    def test_writes_our_and_djangos_information_to_the_application_log(self, tmp_path):
        write(tmp_path)

        text = read(tmp_path)["application"]
        for name in ("budget.events", "django.request", MIGRATIONS_LOGGER, QUERIES_LOGGER):
            assert f"info of {name}" in text
            assert f"debug of {name}" not in text
        assert "info of pip" not in text
        assert "warning of pip" in text

    def test_writes_every_error_to_the_error_log_and_nothing_else(self, tmp_path):
        write(tmp_path)

        text = read(tmp_path)["error"]
        for line in ("error of anything", f"error of {MIGRATIONS_LOGGER}", "RuntimeError"):
            assert line in text
        assert "warning" not in text

    def test_gives_migrations_and_queries_files_of_their_own(self, tmp_path):
        write(tmp_path)

        logs = read(tmp_path)
        assert f"info of {MIGRATIONS_LOGGER}" in logs["migration"]
        assert "slow_queries" not in logs["migration"]
        assert f"warning of {QUERIES_LOGGER}" in logs["query"]
        assert "migrations" not in logs["query"]

    def test_writes_no_migration_log_when_that_is_off_except_what_failed(self, tmp_path):
        write(tmp_path, migrations=False)

        logs = read(tmp_path)
        assert "migration" not in logs
        assert f"info of {MIGRATIONS_LOGGER}" not in logs["application"]
        assert f"error of {MIGRATIONS_LOGGER}" in logs["error"]

    def test_keeps_every_secret_out_of_the_files_and_the_terminal(self, tmp_path):
        errors = write(tmp_path)

        everything = errors + "".join(read(tmp_path).values())
        assert "RuntimeError" in everything
        for secret in ("4711", "pass-of-the-settings", "in-the-address", "in-the-arguments"):
            assert secret not in everything

    def test_shows_warnings_on_the_terminal_and_migrations_not_at_all(self, tmp_path):
        errors = write(tmp_path)

        assert "warning of budget.events" in errors
        assert "info of" not in errors
        assert "migrations" not in errors

    def test_begins_a_line_with_the_time_in_seoul(self, tmp_path):
        write(tmp_path)

        line = read(tmp_path)["query"].splitlines()[0]
        moment = datetime.fromisoformat(line.split()[0])
        assert moment.utcoffset().total_seconds() == 9 * 60 * 60
