import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.operations.progress import BYTES, SILENT, showing_progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal():
    return Terminal()


def work(progress):
    progress.step("Reading")
    with progress.measure(2_000_000, unit=BYTES) as advance:
        advance(500_000)
        advance(1_500_000)


def divide_by_zero(terminal):
    with showing_progress(stream=terminal, verbosity=1, patience=0) as progress:
        progress.step("Dividing")
        raise ZeroDivisionError


class TestShowingProgress:
    def test_draws_the_sentence_and_the_bar_on_a_terminal(self, terminal):
        with showing_progress(stream=terminal, verbosity=1, patience=0) as progress:
            work(progress)

        assert "Reading [00:00]" in terminal.getvalue()
        assert "0.00/2.00M" in terminal.getvalue()

    def test_leaves_nothing_on_the_screen(self, terminal):
        with showing_progress(stream=terminal, verbosity=1, patience=0) as progress:
            work(progress)

        *_before, last = terminal.getvalue().rsplit("\r", 2)
        assert [part.strip() for part in last] == []

    def test_draws_nothing_for_what_is_done_soon(self, terminal):
        with showing_progress(stream=terminal, verbosity=1) as progress:
            work(progress)

        assert terminal.getvalue() == ""

    @pytest.mark.parametrize(("stream", "verbosity"), [(io.StringIO(), 1), (Terminal(), 0)])
    def test_is_silent_without_a_terminal_and_where_silence_is_asked_for(self, stream, verbosity):
        with showing_progress(stream=stream, verbosity=verbosity, patience=0) as progress:
            work(progress)

        assert stream.getvalue() == ""

    def test_writes_a_line_for_each_step_at_verbosity_2(self):
        stream = io.StringIO()

        with showing_progress(stream=stream, verbosity=2, patience=0) as progress:
            work(progress)

        assert stream.getvalue() == "    0.0 s  Reading\n"

    def test_counts_what_many_threads_do(self, terminal):
        with (
            showing_progress(stream=terminal, verbosity=1, patience=0) as progress,
            progress.measure(4_000, unit="rows") as advance,
        ):
            with ThreadPoolExecutor() as threads:
                for _thread in range(4):
                    threads.submit(lambda: [advance(1) for _row in range(1_000)])
            [bar] = progress._open

            assert bar.n == 4_000

    def test_counts_each_of_many_items_when_it_is_done(self, terminal):
        with showing_progress(stream=terminal, verbosity=1, patience=0) as progress:
            done = [progress._open[0].n for _item in progress.each("abc", unit="letters")]

        assert done == [0, 1, 2]

    def test_watches_what_grows_elsewhere(self, terminal):
        looked = threading.Semaphore(0)
        sizes = iter(range(10, 1_000, 10))

        def read():
            looked.release()
            return next(sizes)

        with (
            showing_progress(stream=terminal, verbosity=1, patience=0) as progress,
            progress.watch(1_000, unit="rows", read=read),
        ):
            # The second look begins when the first has been counted.
            assert looked.acquire(timeout=20)
            assert looked.acquire(timeout=20)
            [bar] = progress._open

            assert bar.n >= 10

    def test_clears_the_screen_when_the_work_fails(self, terminal):
        with pytest.raises(ZeroDivisionError):
            divide_by_zero(terminal)

        assert "Dividing" in terminal.getvalue()
        assert terminal.getvalue().endswith("\r")


def test_nobody_is_asked_or_told_when_nobody_watches():
    def read():
        raise AssertionError

    work(SILENT)
    assert list(SILENT.each("abc", unit="letters")) == ["a", "b", "c"]
    with SILENT.watch(1, unit=BYTES, read=read):
        pass
