import pytest

from config import catalogue
from config.catalogue import translate, use_language_of_file


@pytest.fixture
def sentences(tmp_path, monkeypatch):
    """Write a catalogue of its own, and forget it afterwards."""

    def write(text):
        path = tmp_path / "django.po"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(catalogue, "CATALOGUE", path)
        catalogue._sentences.cache_clear()

    monkeypatch.setenv("LANGUAGE_CODE", "ko")
    monkeypatch.setattr(catalogue, "_language_of_file", "")
    yield write
    catalogue._sentences.cache_clear()


class TestTranslate:
    def test_answers_in_korean_by_default(self, sentences, monkeypatch):
        monkeypatch.delenv("LANGUAGE_CODE")
        sentences('msgid "Start it."\nmsgstr "시작하십시오."\n')

        assert translate("Start it.") == "시작하십시오."

    def test_answers_in_english_on_demand(self, sentences, monkeypatch):
        sentences('msgid "Start it."\nmsgstr "시작하십시오."\n')
        monkeypatch.setenv("LANGUAGE_CODE", "en")

        assert translate("Start it.") == "Start it."

    @pytest.mark.parametrize("code", ["", "fr"])
    def test_answers_in_korean_where_no_language_of_ours_is_named(self, sentences, monkeypatch, code):
        sentences('msgid "Start it."\nmsgstr "시작하십시오."\n')
        monkeypatch.setenv("LANGUAGE_CODE", code)

        assert translate("Start it.") == "시작하십시오."

    def test_answers_in_the_language_of_the_file(self, sentences, monkeypatch):
        sentences('msgid "Start it."\nmsgstr "시작하십시오."\n')
        monkeypatch.delenv("LANGUAGE_CODE")

        use_language_of_file("en")

        assert translate("Start it.") == "Start it."

    def test_prefers_the_language_of_the_process(self, sentences):
        sentences('msgid "Start it."\nmsgstr "시작하십시오."\n')

        use_language_of_file("en")

        assert translate("Start it.") == "시작하십시오."

    @pytest.mark.parametrize("entry", ["", 'msgid "Start it."\nmsgstr ""\n'])
    def test_keeps_a_sentence_that_nobody_has_translated(self, sentences, entry):
        sentences(entry)

        assert translate("Start it.") == "Start it."

    def test_joins_the_lines_of_a_long_sentence(self, sentences):
        sentences('#: a.py:1\nmsgid ""\n"Start "\n"it.\\n"\nmsgstr ""\n"시작"\n"하십시오.\\n"\n')

        assert translate("Start it.\n") == "시작하십시오.\n"

    def test_reads_quotes_and_other_entries_around(self, sentences):
        sentences(
            'msgid ""\nmsgstr ""\n"Language: ko\\n"\n\n'
            'msgid "Say \\"yes\\"."\nmsgstr "\\"예\\"라고 하십시오."\n\n'
            'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "여럿"\n'
        )

        assert translate('Say "yes".') == '"예"라고 하십시오.'
        assert translate("one") == "one"
