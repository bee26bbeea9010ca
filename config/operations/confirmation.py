"""Asks a person at the terminal to type a name before something is destroyed or replaced."""

import sys

from django.core.management.base import OutputWrapper


class NotConfirmed(Exception):
    """Whoever was asked did not agree, so nothing was done."""


def is_typed(*, name: str, question: str, output: OutputWrapper) -> bool:
    """Whether the next line of standard input is `name`. An empty line, or the end of input, is a no."""
    output.write(question, plain, ending="")
    output.flush()
    return sys.stdin.readline().strip() == name


def plain(text: str) -> str:
    return text
