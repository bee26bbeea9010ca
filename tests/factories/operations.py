"""Rows of the record of schema changes."""

import datetime

import factory

from config.operations.models import Deploy, MigrationRun, Rehearsal, UnfinishedStep


class DeployFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Deploy

    direction = "APPLY"
    operator = "operator"
    host = "host"
    plan = "0" * 64
    applied_before = []


class MigrationRunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = MigrationRun

    deploy = factory.SubFactory(DeployFactory)
    migration = "budget.0001_extensions"
    direction = "APPLY"
    way = "ATOMIC"
    result = "DONE"
    operator = "operator"
    host = "host"
    started_at = datetime.datetime(2025, 3, 1, tzinfo=datetime.UTC)


class RehearsalFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Rehearsal

    at = datetime.datetime(2025, 3, 1, tzinfo=datetime.UTC)
    plan = "0" * 64
    backup = "2025-03-01-000000"
    passed = True
    report = {}


class UnfinishedStepFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = UnfinishedStep

    step = factory.Sequence(lambda number: f"budget.step_{number}")
    state = {}
