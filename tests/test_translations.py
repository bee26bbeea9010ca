"""Every sentence of ours is in the Korean catalogue, translated, and speaks of the same things."""

import re

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from django.utils import translation

from config.catalogue import CATALOGUE, translate
from config.env import BASE_DIR

FUNCTIONS = ("_", "gettext", "gettext_lazy", "pgettext", "translate")
KEYWORDS = {**dict.fromkeys(FUNCTIONS, None), "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("**/templates/**.html", "tests.test_translations:extract_template")]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]")
TEMPLATE_MESSAGE = re.compile(
    r"{%\s*translate\s+\"(?P<plain>[^\"]+)\"|{%\s*blocktranslate[^%]*%}(?P<block>.*?){%\s*endblocktranslate",
    re.DOTALL,
)
TEMPLATE_VARIABLE = re.compile(r"{{\s*(\w+)\s*}}")


def extract_template(file, keywords, comment_tags, options):
    """Yield the messages of a Django template, in the form that Babel asks of an extractor."""
    for found in TEMPLATE_MESSAGE.finditer(file.read().decode()):
        block = TEMPLATE_VARIABLE.sub(r"%(\1)s", " ".join((found["block"] or "").split()))
        yield 0, "gettext", found["plain"] or block, []


def identity(message):
    """Return what a message goes by in a catalogue: its singular, where it has a plural."""
    return message if isinstance(message, str) else message[0]


def messages_in_source():
    """Return message → where it stands."""
    messages = {}
    for folder in ("config", "budget", "receipts", "audit"):
        extracted = extract_from_dir(BASE_DIR / folder, method_map=METHODS, keywords=KEYWORDS)
        messages |= {identity(text): f"{folder}/{file}:{line}" for file, line, text, *_rest in extracted}
    return messages


@pytest.fixture(scope="module")
def catalogue():
    """Return message → its translations, one for each plural form (Korean has one form)."""
    with CATALOGUE.open("rb") as file:
        entries = [entry for entry in read_po(file, locale="ko") if entry.id]
    assert [entry.id for entry in entries if entry.fuzzy] == []
    return {
        identity(entry.id): [entry.string] if isinstance(entry.string, str) else list(entry.string)
        for entry in entries
    }


def test_every_message_of_the_source_is_translated(catalogue):
    missing = {
        message: place
        for message, place in messages_in_source().items()
        if not all(catalogue.get(message, [""]))
    }

    assert missing == {}


def test_no_translation_is_left_over(catalogue):
    assert catalogue.keys() - messages_in_source().keys() == set()


def test_translations_keep_the_placeholders(catalogue):
    different = [
        message
        for message, translations in catalogue.items()
        for translated in translations
        if sorted(PLACEHOLDER.findall(message)) != sorted(PLACEHOLDER.findall(translated))
    ]

    assert different == []


def test_sentences_before_django_come_from_the_same_catalogue(catalogue, monkeypatch):
    monkeypatch.setenv("LANGUAGE_CODE", "ko")
    before_django = [message for message, place in messages_in_source().items() if "config/env.py" in place]

    assert before_django
    assert [message for message in before_django if translate(message) != catalogue[message][0]] == []


def test_django_speaks_with_the_compiled_catalogue(catalogue):
    sentence = "Enter a name of at least two characters."

    with translation.override("ko"):
        assert translation.gettext(sentence) == catalogue[sentence][0]
