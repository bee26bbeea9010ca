"""That a table of ours which is not audited, or not as its model says, is found."""

import dataclasses

import pytest
from django.apps import apps

from audit.coverage import check_declarations, check_triggers
from audit.declaration import Audited
from budget.models import User
from tests.audit.changes import execute

pytestmark = pytest.mark.django_db


def found():
    return [(message.id, message.obj) for message in check_triggers(using="default")]


class TestDeclarations:
    def test_of_all_models_are_complete(self):
        assert check_declarations(app_configs=None) == []

    @pytest.mark.parametrize(
        ("audited", "problem"),
        [
            (None, "audit.E001"),
            (Audited(masked=("fone",)), "audit.E002"),
            (Audited(organization="o"), "audit.E002"),
        ],
    )
    def test_that_are_missing_or_name_no_column_are_found(self, audited, problem, monkeypatch):
        monkeypatch.setattr(User, "audited", audited)

        [message] = check_declarations(app_configs=[apps.get_app_config("budget")])

        assert (message.id, message.obj) == (problem, User)


class TestTriggers:
    def test_are_in_force_on_every_table(self):
        assert found() == []

    @pytest.mark.parametrize(
        "statement",
        [
            "ALTER TABLE users DISABLE TRIGGER audit_update",
            "ALTER TABLE users ENABLE TRIGGER audit_insert",
            "ALTER TABLE users ENABLE REPLICA TRIGGER audit_delete",
            "DROP TRIGGER audit_truncate ON users",
            "ALTER TABLE audit_trails DISABLE TRIGGER append_only",
            "DROP TRIGGER append_only_truncate ON audit_trails",
        ],
    )
    def test_that_are_not_are_found(self, statement):
        execute(statement)

        assert found() == [("audit.E102", "audit_trails" if "audit_trails" in statement else "users")]

    def test_that_mask_other_columns_than_the_model_are_found(self, monkeypatch):
        masked = dataclasses.replace(User.audited, masked=("password",))
        monkeypatch.setattr(User, "audited", masked)

        assert found() == [("audit.E101", "users")]

    def test_whose_function_does_nothing_are_found(self):
        execute(
            "CREATE OR REPLACE FUNCTION audit.record_users() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'"
        )

        assert found() == [("audit.E101", "users")]
