import pytest
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.utils.translation import override

from config.operations.schema_change.wording import _WORDS, describe_operation

INDEX = models.Index(fields=["name"], name="events_name")
CHECK = models.CheckConstraint(condition=models.Q(year__gt=2000), name="events_year")


class TestDescribeOperation:
    @pytest.mark.parametrize(
        ("operation", "words"),
        [
            (migrations.AddField("event", "note", models.TextField()), "event에 열 note 추가"),
            (migrations.RemoveField("event", "note"), "event의 열 note 삭제"),
            (migrations.AddIndex("event", INDEX), "event에 색인 events_name 추가"),
            (migrations.AddConstraint("event", CHECK), "event에 제약 조건 events_year 추가"),
            (migrations.RenameField("event", "note", "memo"), "event의 열 note의 이름을 memo(으)로 변경"),
            (migrations.RunPython(migrations.RunPython.noop), "Python 코드 실행: noop"),
        ],
    )
    def test_says_it_in_the_language_of_the_reader(self, operation, words):
        with override("ko"):
            assert describe_operation(operation=operation) == words

    def test_lets_an_operation_of_another_kind_describe_itself(self):
        class Celebrate(Operation):
            def describe(self):
                return "Celebrate"

        assert describe_operation(operation=Celebrate()) == "Celebrate"

    def test_knows_every_operation_of_django(self):
        known = {getattr(migrations, name) for name in migrations.operations.__all__}

        assert known - _WORDS.keys() - {migrations.AlterOrderWithRespectTo} == set()
