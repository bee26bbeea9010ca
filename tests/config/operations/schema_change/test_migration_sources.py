"""Whether a change of whatever migrations are made of is noticed."""

import sys

import pytest

from config.operations.schema_change import migration_sources
from config.operations.schema_change.migration_sources import hash_of_sources

FILES = {
    "sample/__init__.py": "",
    "sample/migrations/__init__.py": "",
    "sample/migrations/0001_initial.py": "import decimal\nfrom sample.fields import price\n",
    "sample/fields.py": "from sample import money\n",
    "sample/money.py": "",
    "sample/views.py": "",
}


@pytest.fixture
def project(tmp_path, monkeypatch, settings):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("sample", "sample.migrations"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(migration_sources, "BASE_DIR", tmp_path)
    settings.MIGRATION_MODULES = {"budget": "sample.migrations"}
    return tmp_path


class TestHashOfSources:
    @pytest.mark.parametrize(
        ("name", "matters"),
        [
            ("sample/migrations/0001_initial.py", True),
            ("sample/migrations/0002_new.py", True),
            ("sample/fields.py", True),
            ("sample/money.py", True),
            ("sample/views.py", False),
        ],
    )
    def test_changes_with_a_migration_and_what_it_imports(self, project, name, matters):
        before = hash_of_sources(labels=["budget"])

        with (project / name).open("a") as file:
            file.write("# changed\n")

        assert (hash_of_sources(labels=["budget"]) != before) is matters

    def test_passes_over_an_app_that_is_not_installed_any_more(self):
        assert hash_of_sources(labels=["gone"]) == hash_of_sources(labels=[])
