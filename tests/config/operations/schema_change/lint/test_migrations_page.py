"""docs/migrations.md: the linter says of each example what the page says."""

import re
from dataclasses import dataclass

import pytest
from django.db.migrations.loader import MigrationLoader

from config.env import BASE_DIR
from config.operations.schema_change.lint.findings import Severity
from config.operations.schema_change.lint.linter import lint_selection
from config.operations.schema_change.lint.selection import Selection
from tests.config.operations.schema_change.lint.files import load_migration

PAGE = BASE_DIR / "docs/migrations.md"
EXAMPLE = re.compile(
    r"^```python\n# (?P<mark>[✓!✗]) ?(?P<words>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
RULE = re.compile(r"\bid=\"([a-z-]+)\"")
IMPORTS = """
from datetime import date

from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.models.functions import Upper

from config.migration_operations.change_type import ChangeTypeOnline
from config.migration_operations.update_in_batches import UpdateInBatches

atomic = True
"""
CLASS = """
class Migration(migrations.Migration):
    atomic, operations = atomic, operations
"""


@dataclass(frozen=True)
class Example:
    number: int
    mark: str
    words: str
    code: str

    @property
    def is_whole_file(self):
        return "class Migration" in self.code

    @property
    def rule(self):
        return "" if self.mark == "✓" else self.words.split()[0]

    def load(self, folder):
        source = self.code if self.is_whole_file else f"{IMPORTS}\n{self.code}\n{CLASS}"
        name = self.words.rpartition("/")[2].removesuffix(".py") if self.is_whole_file else "0018_example"
        return load_migration(folder / f"{name}.py", source, app_label="budget")


EXAMPLES = [
    Example(number, *found.groups())
    for number, found in enumerate(EXAMPLE.finditer(PAGE.read_text("utf-8")), 1)
]


@pytest.fixture(scope="module")
def state():
    return MigrationLoader(None).project_state()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.number}-{each.rule or 'accepted'}")
def test_the_linter_says_what_the_page_says(example, state, tmp_path):
    before = state.clone()
    if example.is_whole_file:  # The files of the page follow upon each other.
        for earlier in EXAMPLES[: example.number - 1]:
            if earlier.is_whole_file:
                earlier.load(tmp_path).mutate_state(before, preserve=False)

    findings = lint_selection(selection=Selection(migrations=(example.load(tmp_path),), state=before))

    open_findings = {each.rule: each.severity for each in findings if each.accepted is None}
    severities = {"✗": Severity.ERROR, "!": Severity.WARNING}
    if example.mark == "✓":
        assert open_findings == {}
    else:
        assert open_findings[example.rule] is severities[example.mark]
    if example.mark == "!":
        assert Severity.ERROR not in open_findings.values()


def test_every_example_of_the_page_has_a_mark():
    assert PAGE.read_text("utf-8").count("```python") == len(EXAMPLES)


def test_the_page_names_every_rule_of_ours():
    sources = (BASE_DIR / "config/operations/schema_change/lint").rglob("*.py")
    rules = {rule for source in sources for rule in RULE.findall(source.read_text("utf-8"))}
    page = PAGE.read_text("utf-8")

    assert rules
    assert {rule for rule in rules if rule not in page and not rule.startswith("squawk-")} == set()
