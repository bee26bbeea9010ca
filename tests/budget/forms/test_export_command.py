"""`manage.py export_form`: files on disk, and what it says when there is nothing to print."""

import hashlib
import io
import json

import pypdf
import pytest
from django.core.management import CommandError, call_command

from tests.factories import BudgetFactory, EventFactory

pytestmark = pytest.mark.usefixtures("english")


def export(*arguments):
    printed = io.StringIO()
    call_command("export_form", *map(str, arguments), stdout=printed)
    return printed.getvalue()


class TestExportForm:
    @pytest.mark.parametrize("form", ["budget", "budget-detail", "settlement", "expense-detail"])
    @pytest.mark.parametrize(("file_format", "magic"), [("pdf", b"%PDF-"), ("xlsx", b"PK")])
    def test_writes_each_form_in_each_format(self, settlement, tmp_path, form, file_format, magic):
        file = tmp_path / "form"

        printed = export("겨울피정 2025", "--form", form, "--format", file_format, "--output", file)

        assert file.read_bytes().startswith(magic)
        assert printed == f"Wrote {file}.\n"

    def test_finds_an_event_by_its_key_and_describes_the_file(self, event, tmp_path):
        BudgetFactory(event=event)
        file = tmp_path / "form"

        printed = export(event.pk, "--form", "budget-detail", "--format", "xlsx", "--output", file, "--json")

        answer = json.loads(printed)
        assert (answer["form"], answer["format"], answer["is_draft"]) == ("budget-detail", "xlsx", True)
        assert answer["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert answer["bytes"] == file.stat().st_size

    def test_says_that_it_wrote_a_draft(self, event, tmp_path):
        BudgetFactory(event=event)
        file = tmp_path / "form"

        assert (
            export(event.pk, "--form", "budget", "--format", "xlsx", "--output", file)
            == f"Wrote {file} as a draft.\n"
        )

    def test_prints_a_completed_settlement_in_the_same_bytes_each_time(self, settlement, tmp_path):
        for name in ("first", "second"):
            export("겨울피정 2025", "--form", "expense-detail", "--output", tmp_path / name)

        assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()

    @pytest.mark.parametrize("name", ["여름", "00000000-0000-0000-0000-000000000000"])
    def test_says_that_there_is_no_such_event(self, db, tmp_path, name):
        with pytest.raises(CommandError, match=f"No event has the name or the key {name}.\n→ ") as refused:
            export(name, "--form", "budget", "--output", tmp_path / "form")

        assert refused.value.returncode == 2

    def test_lists_the_events_of_one_name(self, event, tmp_path):
        other = EventFactory(name=event.name)

        with pytest.raises(CommandError, match="More than one event has the name") as refused:
            export(event.name, "--form", "budget", "--output", tmp_path / "form")

        assert all(str(row.pk) in str(refused.value) for row in (event, other))
        assert refused.value.returncode == 2

    def test_says_that_there_is_nothing_to_print_yet(self, event, tmp_path):
        with pytest.raises(CommandError, match=r"겨울피정 2025 .* has no settlement yet") as refused:
            export(event.pk, "--form", "settlement", "--output", tmp_path / "form")

        assert refused.value.returncode == 2
        assert list(tmp_path.iterdir()) == []

    def test_prints_the_receipts_behind_the_detail_of_the_spending(self, settlement, settings, tmp_path):
        settings.MEDIA_ROOT = tmp_path
        file = tmp_path / "form.pdf"

        export(settlement.event.pk, "--form", "expense-detail", "--with-receipts", "--output", file)

        assert len(pypdf.PdfReader(file).pages) == 2

    @pytest.mark.parametrize(("form", "file_format"), [("settlement", "pdf"), ("expense-detail", "xlsx")])
    def test_has_receipts_behind_no_other_form_and_format(self, event, tmp_path, form, file_format):
        options = ("--form", form, "--format", file_format, "--with-receipts")

        with pytest.raises(CommandError, match=r"one form only.\n→ .*expense-detail --format pdf") as refused:
            export(event.pk, *options, "--output", tmp_path / "form")

        assert refused.value.returncode == 2

    def test_says_that_it_cannot_write(self, budget, tmp_path):
        file = tmp_path / "missing" / "form.xlsx"

        with pytest.raises(CommandError, match=r"No such file.*\n→ .*--output") as refused:
            export(budget.event.pk, "--form", "budget", "--format", "xlsx", "--output", file)

        assert refused.value.returncode == 2
