"""The rules that no tool of `make check` knows."""

import ast
import importlib
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

from config.env import BASE_DIR

OUR_FOLDERS = ("config", "budget", "receipts", "audit", "tests")
ALLOWED_AT_THE_TOP = {
    "manage.py",
    "pyproject.toml",
    "config",
    "budget",
    "receipts",
    "audit",
    "fixtures",
    "tests",
    "README.md",
    "LICENSE",
    "Makefile",
    "docs",
    "locale",
    "logs",  # written at run time, ignored by git
}
LONGEST_FILE = 500
LONGEST_FUNCTION = 60


def python_files():
    return [path for folder in OUR_FOLDERS for path in (BASE_DIR / folder).rglob("*.py")]


def written_files():
    return [path for path in python_files() if "migrations" not in path.parts]


def our_commands():
    labels = {
        config.name for config in apps.get_app_configs() if config.name.partition(".")[0] in OUR_FOLDERS
    }
    return sorted((app, name) for name, app in get_commands().items() if app in labels)


def test_nothing_unexpected_lies_at_the_top():
    unexpected = [
        path.name
        for path in BASE_DIR.iterdir()
        if path.name not in ALLOWED_AT_THE_TOP and not path.name.startswith((".", "__pycache__"))
    ]

    assert unexpected == []


@pytest.mark.parametrize("path", written_files(), ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_no_file_or_function_is_too_long_to_read(path: Path):
    source = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    too_long = [f.name for f in functions if f.end_lineno - f.lineno >= LONGEST_FUNCTION]

    assert len(source.splitlines()) <= LONGEST_FILE
    assert too_long == []


@pytest.mark.parametrize(("app", "name"), our_commands())
def test_every_command_and_option_of_ours_has_a_help_text(app, name):
    command = load_command_class(app, name)
    parser = command.create_parser("manage.py", name)

    assert command.help
    assert [action.option_strings for action in parser._actions if not action.help] == []


def test_every_model_has_a_factory():
    factories = importlib.import_module("tests.factories")

    missing = [
        model.__name__
        for label in ("budget", "audit", "receipts", "operations")
        for model in apps.get_app_config(label).get_models()
        if not hasattr(factories, f"{model.__name__}Factory")
    ]

    assert missing == []
