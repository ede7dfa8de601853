"""The made traffic: the same minute gives the same calls, with a daily shape and everything that goes wrong."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from apim.demo.shape import (
    ACTIONS,
    PARTNER,
    REPORTS,
    busy_calls_a_minute,
    calls_between,
    history_of,
    incident_at,
    minutes_between,
)

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
NOON = MONDAY + timedelta(hours=13)


def test_the_same_minute_always_gives_the_same_calls() -> None:
    assert calls_between(NOON, 60) == calls_between(NOON, 60)
    assert list(history_of(NOON)) == list(history_of(NOON))


def test_days_are_busier_than_nights_and_weekdays_than_weekends() -> None:
    saturday = NOON + timedelta(days=5)
    assert busy_calls_a_minute(MONDAY) < busy_calls_a_minute(saturday) < busy_calls_a_minute(NOON)


def test_no_stretch_of_five_seconds_asks_for_more_than_a_few_calls_a_second() -> None:
    starts = (MONDAY + timedelta(seconds=5 * number) for number in range(0, 17_280, 7))
    assert max(len(calls_between(start, 5)) for start in starts) <= 15


def test_fourteen_days_hold_incidents_of_both_kinds() -> None:
    minutes = minutes_between(MONDAY, MONDAY + timedelta(days=14))
    assert set(map(incident_at, minutes)) == {"", "failing", "slow"}


@pytest.fixture(scope="module")
def hour() -> Counter[tuple[str, int, str]]:
    return Counter(
        (told.action.application, told.status, told.code)
        for minute in minutes_between(NOON, NOON + timedelta(hours=1))
        for told in history_of(minute)
    )


def test_an_hour_has_every_application(hour: Counter[tuple[str, int, str]]) -> None:
    assert {application for application, _, _ in hour} == {action.application for action in ACTIONS}


def test_the_application_over_its_quota_is_refused_for_a_part_of_each_hour(
    hour: Counter[tuple[str, int, str]],
) -> None:
    assert hour[REPORTS, 429, "quota-exceeded"] > 20
    assert hour[REPORTS, 200, ""] > 20


def test_the_revoked_key_is_always_refused(hour: Counter[tuple[str, int, str]]) -> None:
    assert {(status, code) for application, status, code in hour if application == PARTNER} == {
        (401, "unauthenticated")
    }
