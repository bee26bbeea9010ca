import threading

import pytest
from django.utils import translation

from config.operations.deadline import within
from config.operations.inquiry import NoAnswer, ask

PLENTY = 60
MERCY = 10  # seconds, so that a test whose deadline is broken fails instead of hanging


@pytest.fixture
def key():
    return object()


@pytest.fixture
def frozen():
    """A question that is answered after the test; `frozen.asked` counts how often it was begun."""

    class Frozen:
        asked = 0

        def __call__(self):
            self.asked += 1
            thaw.wait(MERCY)
            return "late"

    thaw = threading.Event()
    yield Frozen()
    thaw.set()


class TestAsk:
    def test_returns_the_answer(self, key):
        inquiry = ask(key=key, question=lambda: "yes", seconds=PLENTY)

        assert inquiry.wait() == "yes"

    @pytest.mark.parametrize("error", [ValueError, TimeoutError])
    def test_raises_what_the_question_raised(self, key, error):
        def question():
            raise error("its own words")

        inquiry = ask(key=key, question=question, seconds=PLENTY)

        with pytest.raises(error, match="its own words"):
            inquiry.wait()

    def test_does_not_wait_beyond_the_deadline(self, key, frozen):
        inquiry = ask(key=key, question=frozen, seconds=0)

        with pytest.raises(NoAnswer):
            inquiry.wait()

    def test_speaks_the_language_of_the_caller(self, key):
        with translation.override("en"):
            inquiry = ask(key=key, question=translation.get_language, seconds=PLENTY)

        assert inquiry.wait() == "en"

    def test_shares_one_answer_among_all_who_wait_for_it(self, key, frozen):
        first = ask(key=key, question=frozen, seconds=PLENTY)

        second = ask(key=key, question=frozen, seconds=PLENTY)

        assert second is first

    def test_asks_again_once_there_was_an_answer(self, key):
        ask(key=key, question=lambda: "before", seconds=PLENTY).wait()

        assert ask(key=key, question=lambda: "after", seconds=PLENTY).wait() == "after"

    def test_keeps_questions_apart(self, key, frozen):
        ask(key=key, question=frozen, seconds=PLENTY)

        assert ask(key=object(), question=lambda: "other", seconds=PLENTY).wait() == "other"

    def test_asks_again_when_the_answer_is_overdue(self, key, frozen):
        ask(key=key, question=frozen, seconds=0)

        assert ask(key=key, question=lambda: "thawed", seconds=PLENTY).wait() == "thawed"

    def test_has_a_bound_for_questions_that_are_never_answered(self, key, frozen):
        for _attempt in range(50):
            with pytest.raises(NoAnswer):
                ask(key=key, question=frozen, seconds=0).wait()

        assert 1 < frozen.asked < 10


class TestWithin:
    def test_returns_what_the_work_returns(self):
        assert within(seconds=PLENTY, work=lambda: "done") == "done"

    def test_raises_a_timeout_when_the_work_takes_too_long(self, frozen):
        with pytest.raises(TimeoutError):
            within(seconds=0, work=frozen)
