"""Migrations in files of their own, as the linter reads them."""

import importlib.util
import sys

from django.db.migrations import Migration


def load_migration(path, source, *, app_label="parish"):
    """Write a migration file, import it, and return the migration."""
    path.write_text(source, encoding="utf-8")
    name = f"lint_trial_{path.parent.name}_{path.stem}".replace("-", "_")
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # As after an ordinary import: its source is looked up there.
    specification.loader.exec_module(module)
    kind = module.Migration
    assert issubclass(kind, Migration)
    return kind(path.stem, app_label)
