"""The checklist before a deploy. Its items are independent: what cannot be asked hides no other."""

import contextlib
import dataclasses
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.utils.translation import gettext as _

from config.database_errors import explain
from config.databases import OWNER_ALIAS
from config.operations.inquiry import NoAnswer, begin
from config.operations.progress import SILENT, Progress
from config.operations.schema_change.preflight.items import CONNECTION, LANES, UNFINISHED
from config.operations.schema_change.preflight.remarks import (
    Circumstances,
    Item,
    Outcome,
    Remark,
    failed,
)
from config.redaction import redact

_AT_EASE = ("development", "test")  # Where nobody depends on the system.
# For each lane; the expected schema may have to be built first.
_PATIENCE_SECONDS = 300
_SERVER_PATIENCE_SECONDS = 15


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one item has to say."""

    item: Item
    remarks: tuple[Remark, ...]

    @property
    def outcome(self) -> Outcome:
        order = list(Outcome)
        return max((remark.outcome for remark in self.remarks), key=order.index, default=Outcome.OK)


@dataclass(frozen=True, kw_only=True)
class Preflight:
    answers: tuple[Answer, ...]

    @property
    def is_ready(self) -> bool:
        return not any(answer.outcome is Outcome.FAILED for answer in self.answers)

    @property
    def is_reachable(self) -> bool:
        """Whether the database could be asked."""
        return not any(answer.outcome is Outcome.SKIPPED for answer in self.answers)

    def count(self, outcome: Outcome) -> int:
        return sum(remark.outcome is outcome for answer in self.answers for remark in answer.remarks)


def run_preflight(
    *,
    folder: Path,
    now: datetime.datetime,
    progress: Progress = SILENT,
    alias: str = OWNER_ALIAS,
    with_database: bool = True,
) -> Preflight:
    """Ask every item about the database of `alias`, or only those that need none. Nothing is changed.

    `folder` is the one of the backups.
    """
    circumstances = Circumstances(
        alias=alias,
        folder=folder,
        now=now,
        is_strict=settings.ENVIRONMENT not in _AT_EASE,
        is_reachable=with_database,
        progress=progress,
    )
    asked: list[Answer] = []
    if with_database:
        progress.step(_("Looking at the server"))
        asked, circumstances = _look_at_server(circumstances)
    progress.step(_("Going through the checklist"))
    asked += _ask_side_by_side(circumstances)
    wanted = [answer for answer in asked if with_database or not answer.item.needs_database]
    return Preflight(answers=tuple(sorted(wanted, key=lambda answer: answer.item.number)))


def _look_at_server(circumstances: Circumstances) -> tuple[list[Answer], Circumstances]:
    """Ask what decides how the rest is asked."""
    answers: dict[str, Answer] = {}
    lane = (CONNECTION, UNFINISHED)
    question = partial(_ask_lane, lane, circumstances, answers)
    with contextlib.suppress(NoAnswer):  # The server hangs.
        begin(question=question, seconds=_SERVER_PATIENCE_SECONDS).wait()
    connection = answers.get(CONNECTION.name) or _late(CONNECTION, _SERVER_PATIENCE_SECONDS)
    if connection.remarks[0].outcome is Outcome.FAILED:
        unreachable = dataclasses.replace(circumstances, is_reachable=False)
        return [connection, _skipped(UNFINISHED)], unreachable
    unfinished = answers.get(UNFINISHED.name) or _late(UNFINISHED, _SERVER_PATIENCE_SECONDS)
    is_interrupted = unfinished.outcome is Outcome.WARNING
    return [connection, unfinished], dataclasses.replace(circumstances, is_interrupted=is_interrupted)


def _ask_side_by_side(circumstances: Circumstances) -> list[Answer]:
    """Ask each lane in a thread of its own; what needs the database is skipped where there is none."""
    answers: dict[str, Answer] = {}
    inquiries = [
        begin(question=partial(_ask_lane, lane, circumstances, answers), seconds=_PATIENCE_SECONDS)
        for lane in LANES
    ]
    for inquiry in inquiries:
        with contextlib.suppress(NoAnswer):  # Its items will say so.
            inquiry.wait()
    items = [item for lane in LANES for item in lane]
    return [answers.get(item.name) or _late(item, _PATIENCE_SECONDS) for item in items]


def _ask_lane(lane: Sequence[Item], circumstances: Circumstances, answers: dict[str, Answer]) -> None:
    try:
        for item in lane:
            is_possible = circumstances.is_reachable or not item.needs_database
            answers[item.name] = _answer(item, circumstances) if is_possible else _skipped(item)
    finally:
        connections.close_all()  # Those of this thread.


def _answer(item: Item, circumstances: Circumstances) -> Answer:
    try:
        return Answer(item=item, remarks=tuple(item.ask(circumstances)))
    # Whatever goes wrong with one item must not keep the others away.
    except Exception as error:
        return Answer(item=item, remarks=(_not_asked(error, circumstances.alias),))


def _not_asked(error: Exception, alias: str) -> Remark:
    explanation = explain(error, alias=alias)
    reason = redact(" ".join(str(error).split())) or type(error).__name__
    return failed(
        _("It could not be asked: %(reason)s") % {"reason": explanation.cause if explanation else reason},
        explanation.remedy if explanation else _("Mend the cause, then repeat: manage.py preflight"),
    )


def _skipped(item: Item) -> Answer:
    sentence = _("not asked, because it needs the database")
    return Answer(item=item, remarks=(Remark(outcome=Outcome.SKIPPED, sentence=sentence),))


def _late(item: Item, seconds: float) -> Answer:
    remark = failed(
        _("no answer within %(seconds)d s") % {"seconds": seconds},
        _("See who blocks whom: %(look)s") % {"look": "manage.py database_activity"},
    )
    return Answer(item=item, remarks=(remark,))
