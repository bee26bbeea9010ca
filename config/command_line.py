"""Runs one command of manage.py and speaks plainly when it cannot run."""

import os
import sys

from audit.context import acting_as
from config.catalogue import translate

UNABLE_TO_RUN = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it


def run(argv: list[str]) -> int:
    """Return the exit code of the command `argv` names.

    A failure that an operator can mend is a message on stderr: the cause, then the next command. With
    Django's `--traceback`, and for everything unexpected, the exception stays what it is.
    """
    try:
        from django.core.management import execute_from_command_line

        # The name of the command only: its arguments may be personal.
        with acting_as(command=argv[1] if len(argv) > 1 else ""):
            execute_from_command_line(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        message = None if "--traceback" in argv else _explain(error)
        if message is None:
            raise
        sys.stderr.write(f"{message}\n")
        return UNABLE_TO_RUN
    return 0


def _explain(error: Exception) -> str | None:
    """Return the message for an expected failure, or None."""
    if isinstance(error, ModuleNotFoundError):
        return _explain_missing_module(error)
    from django.core.exceptions import ImproperlyConfigured

    if isinstance(error, ImproperlyConfigured):
        return str(error)
    return _explain_database(error)


def _explain_missing_module(error: ModuleNotFoundError) -> str | None:
    if error.name == "django":
        return translate(
            "Django is not installed for this Python (%(python)s).\n"
            "→ Set the project up, and use its own Python: make demo, then .venv/bin/python manage.py"
        ) % {"python": sys.executable}
    module = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    if error.name and error.name == module:
        return translate(
            "There is no settings module %(module)s.\n"
            "→ Set DJANGO_SETTINGS_MODULE to one of config/settings, such as config.settings.development."
        ) % {"module": module}
    return None


def _explain_database(error: Exception) -> str | None:
    from django.conf import settings

    if not settings.configured:
        return None
    from config.database_errors import explain

    explanation = explain(error)
    return f"{explanation.cause}\n→ {explanation.remedy}" if explanation else None
