"""What a command prints on stdout: lines for people, or one JSON object for programs."""

import json
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand


def write_result(
    *, command: BaseCommand, facts: dict[str, Any], lines: Iterable[str], as_json: bool, verbosity: int
) -> None:
    if as_json:
        command.stdout.write(json.dumps(facts, ensure_ascii=False))
    elif verbosity:
        command.stdout.write("\n".join(lines))
