import subprocess
import sys
from pathlib import Path

import pytest

from config.operations.schema_change.lint import squawk
from config.operations.schema_change.lint.linter import lint_selection
from config.operations.schema_change.lint.squawk import SWITCHED_OFF, SquawkFailed
from tests.config.operations.schema_change.lint.corpus import code
from tests.config.operations.schema_change.lint.corpus.cases import selection

PROGRAM = Path(sys.executable).parent / "squawk"

pytestmark = pytest.mark.usefixtures("english")


class TestSquawk:
    @pytest.mark.parametrize("rule", [*SWITCHED_OFF, *sorted(squawk._RULES.keys() - {"syntax-error"})])
    def test_knows_the_rules_that_we_speak_of(self, rule):
        run = subprocess.run(
            [PROGRAM, f"--exclude={rule}"], input=b"SELECT 1;", capture_output=True, check=False
        )

        assert run.returncode == 0, run.stderr

    def test_is_asked_for_no_rule_without_a_reason(self):
        assert all(len(reason.split()) > 1 for reason in SWITCHED_OFF.values())
        assert SWITCHED_OFF.keys() & squawk._RULES.keys() == set()

    def test_that_is_not_there_stops_the_linter(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

        with pytest.raises(SquawkFailed, match="make setup"):
            lint_selection(selection=selection(code.SAFE[0]))

    def test_that_says_something_else_stops_the_linter(self, monkeypatch, tmp_path):
        program = tmp_path / "squawk"
        program.write_text("#!/bin/sh\necho 'Segmentation fault'\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

        with pytest.raises(SquawkFailed, match="cannot be run"):
            lint_selection(selection=selection(code.SAFE[0]))
