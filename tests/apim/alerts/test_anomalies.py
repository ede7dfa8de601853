"""Anomalies from the roll-ups: odd hours and new error codes, once each, and nobody is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apim.alerts.anomalies import look, sentence
from apim.alerts.models import Anomaly
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.notifications.models import Message
from apim.usage.models import UsageRollup, VersionRollup
from tests.apim.alerts.conftest import Count

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 15, 5, tzinfo=UTC)
AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
WEEK, DAY = timedelta(days=7), timedelta(days=1)


@pytest.fixture
def weeks(count: Count) -> None:
    for week in range(1, 5):
        count(AT - WEEK * week, 1, calls=1000, period="hour")
    count((AT - 4 * WEEK).replace(hour=0), 1, calls=1000, period="day")


def answers(version: APIVersion, environment: Environment, at: datetime, *, status: int, period: str = "hour") -> None:
    UsageRollup.objects.create(
        period=period, at=at, environment_id=environment.id, version_id=version.id, status=status, calls=20
    )


def test_an_odd_hour_is_noted_once_and_nobody_is_told(weeks: None, count: Count) -> None:
    count(AT, 1, calls=5000, period="hour")
    before = Message.objects.count()
    assert look(NOW) == 1
    assert look(NOW) == 0
    anomaly = Anomaly.objects.get()
    assert (anomaly.metric, anomaly.value, anomaly.expected) == ("calls", 5000, 1000)
    assert sentence(anomaly) == "5,000 calls instead of about 1,000"
    assert Message.objects.count() == before


def test_silence_of_a_busy_api_is_noted(weeks: None) -> None:
    assert look(NOW) == 1
    assert Anomaly.objects.get().value == 0


def test_an_ordinary_hour_is_not(weeks: None, count: Count) -> None:
    count(AT, 1, calls=1040, period="hour")
    assert look(NOW) == 0


def test_an_error_code_is_new_until_it_was_seen(
    weeks: None, count: Count, version: APIVersion, environment: Environment
) -> None:
    count(AT, 1, calls=1000, period="hour")
    answers(version, environment, AT, status=503)
    answers(version, environment, AT, status=404)
    answers(version, environment, (AT - 2 * WEEK).replace(hour=0), status=404, period="day")
    assert look(NOW) == 1
    assert (Anomaly.objects.get().metric, Anomaly.objects.get().code) == ("new_code", "503")


def test_errors_of_an_api_that_was_never_called_are_no_news(version: APIVersion, environment: Environment) -> None:
    answers(version, environment, AT, status=503)
    assert look(NOW) == 0


def test_old_anomalies_are_forgotten(weeks: None, version: APIVersion) -> None:
    Anomaly.objects.create(api=version.api, metric="calls", at=NOW - 100 * DAY, value=1, expected=2)
    VersionRollup.objects.all().delete()
    look(NOW)
    assert not Anomaly.objects.exists()
