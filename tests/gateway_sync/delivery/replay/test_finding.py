"""The last calls are found within seconds or told as not found; nobody waits for a database that has much to read."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from apim.access.models import Application
from apim.catalog.models import APIVersion
from apim.contention import is_cut_off
from apim.gateways.models import Environment
from apim.usage.models import UsageRecord
from apim.usage.records import Asked
from gateway_sync.delivery.replay import finding, reading, replay_revisions
from gateway_sync.delivery.replay.finding import bounded, last_calls
from tests.factories import access, gateways
from tests.gateway_sync.delivery.replay.calls import call

pytestmark = pytest.mark.django_db

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000) SELECT count(*) FROM n"


@pytest.fixture
def version() -> APIVersion:
    return gateways.published_version("GET /accounts", name="bank")


@pytest.fixture
def caller() -> Application:
    return access.application(name="shop")


def asked(version: APIVersion) -> Asked:
    return Asked({"version_id": [version.id]})


def test_a_question_that_takes_too_long_is_given_up_and_the_next_is_answered() -> None:
    with pytest.raises(DatabaseError) as found, bounded(0.1), connection.cursor() as cursor:
        cursor.execute(ENDLESS)
    assert is_cut_off(found.value)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT 1 UNION ALL SELECT 2) AS two")
        assert cursor.fetchone() == (2,)


@pytest.mark.postgresql  # SQLite keeps no setting
def test_bounds_are_taken_back_afterwards() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
        with bounded(0.1):
            pass
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before


def test_calls_of_the_last_week_are_found_and_older_ones_are_not_looked_for(
    version: APIVersion, caller: Application
) -> None:
    for _ in range(4):
        call(version, caller, "GET /accounts", "/bank/v1/accounts")
    ages = (timedelta(minutes=1), timedelta(hours=5), timedelta(days=6), timedelta(days=8))
    for record, age in zip(UsageRecord.objects.order_by("id"), ages, strict=True):
        UsageRecord.objects.filter(pk=record.pk).update(at=timezone.now() - age)
    found = last_calls(asked(version))
    assert (len(found.records), found.is_cut_off) == (3, False)


def test_where_there_is_no_time_nothing_is_compared_and_that_is_told(
    version: APIVersion, caller: Application, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(version, caller, "GET /accounts", "/bank/v1/accounts")
    assert last_calls(asked(version), budget_s=0.0) == ([], True)
    revision = version.deployments.get().revision
    monkeypatch.setattr(reading, "judge", partial(reading.judge, budget_s=-1.0))
    made = replay_revisions(environment, [revision])
    assert (made.calls, made.is_cut_off) == (0, True)


def test_much_called_versions_are_looked_for_in_the_last_hour_alone(
    version: APIVersion, caller: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "CALLS_AT_MOST", 2)
    for _ in range(3):
        call(version, caller, "GET /accounts", "/bank/v1/accounts")
    found = last_calls(asked(version))
    assert (len(found.records), found.is_cut_off) == (2, False)
