import threading

import pytest

from config.operations.evidence import Question, collect, write_folder


def question(name, answer, seconds=60):
    return Question(name=name, collect=answer, seconds=seconds)


class TestCollect:
    def test_keeps_a_part_that_fails_from_the_others(self):
        parts = collect((question("broken", lambda: 1 / 0), question("sound", lambda: {"a": 1})))

        assert parts["broken"].text == "ZeroDivisionError: division by zero\n"
        assert parts["sound"].facts == {"a": 1}

    def test_says_which_part_did_not_answer_in_time(self):
        thaw = threading.Event()

        parts = collect((question("frozen", lambda: thaw.wait(10), seconds=0),))

        thaw.set()
        assert parts["frozen"].text == "no answer within 0 s\n"


class TestWriteFolder:
    def test_writes_what_there_is_room_for(self, tmp_path):
        missing = write_folder(folder=tmp_path / "bundle", texts={"page": "1", "no/room": "2", "log": "3"})

        assert missing == ("no/room",)
        assert {path.name: path.read_text() for path in (tmp_path / "bundle").iterdir()} == {
            "page": "1",
            "log": "3",
        }

    def test_leaves_nothing_when_there_is_no_room_for_the_first_file(self, tmp_path):
        with pytest.raises(OSError, match="no/room"):
            write_folder(folder=tmp_path / "bundle", texts={"no/room": "1", "log": "2"})

        assert list(tmp_path.iterdir()) == []
