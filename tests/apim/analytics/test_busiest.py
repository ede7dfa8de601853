"""The busiest applications are those that adding up every call finds, however few of them are looked into."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.analytics import busiest
from apim.analytics.figures import Ends
from apim.analytics.questions import Question
from apim.analytics.ways import largest_callers, largest_ways
from apim.analytics.windows import Window, between
from apim.audit.actor import system_actor
from apim.gateways.services import default_environment, enroll_gateway
from tests.factories.usage import NOON, batch, event, ingest

pytestmark = pytest.mark.django_db

VERSIONS = ("", "ver_1", "ver_2", "ver_3", "ver_4")
EVERYTHING, ALL_VERSIONS = Question(None), Question(VERSIONS)  # the same calls; the second adds all of them up


def stock(seed: int, *, applications: int, is_even: bool = False) -> None:
    """Calls of a third of a year, of many applications; those with a low number call most, unless all call alike."""
    gateway = enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway
    chance = random.Random(seed)  # noqa: S311 - a repeatable order, no secret
    names = [f"app_{number:02}" if number else "" for number in range(applications)]
    weights = [1.0 if is_even else 1 / (number + 1) for number in range(applications)]
    events = [
        event(
            seq,
            at=NOON - timedelta(minutes=int(chance.random() ** 2 * 120 * 24 * 60)),
            application=chance.choices(names, weights)[0],
            version_id=chance.choice(VERSIONS),
            status=chance.choice((200, 200, 200, 404, 502, 0)),
        )
        for seq in range(1, 700)
    ]
    ingest(gateway=gateway, batch=batch(*events))


def windows() -> list[Window]:
    """Windows with ends within hours, at hours and at midnight, up to now and in the past."""
    past, midnight = NOON - timedelta(days=3, hours=7), datetime(2026, 11, 9, tzinfo=UTC)
    ends = ((NOON, 7), (NOON, 30), (NOON.replace(second=0), 90), (past, 2), (past, 10), (midnight, 30))
    return [between(end - timedelta(days=days), end, NOON) for end, days in ends]


@pytest.mark.parametrize(
    ("first", "most", "is_even"),
    [(3, 5, False), (3, 100, True), (200, 2000, False)],
    ids=["more than are looked into", "all call alike", "all are looked into"],
)
def test_the_busiest_are_those_that_adding_up_every_call_finds(
    monkeypatch: pytest.MonkeyPatch, first: int, most: int, *, is_even: bool
) -> None:
    monkeypatch.setattr(busiest, "LIKELY", first)
    monkeypatch.setattr(busiest, "MANY", most)
    stock(7, applications=30, is_even=is_even)
    for window in windows():
        now, before = window.now(), window.before()
        for listed in (4, 50):
            told = largest_callers(EVERYTHING, now, before, listed=listed)
            assert told == largest_callers(ALL_VERSIONS, now, before, listed=listed)
        for sides in (2, 50):
            ways = largest_ways(EVERYTHING, now, listed=6, each_side=sides)
            whole = largest_ways(ALL_VERSIONS, now, listed=6, each_side=sides)
            assert list(ways.listed.items()) == list(whole.listed.items())
            assert {key: ends.calls for key, ends in ways.gathered.items()} == {
                key: ends.calls for key, ends in whole.gathered.items()
            }
            assert ways.whole == whole.whole


def test_nobody_called() -> None:
    (window, *_) = windows()
    assert largest_callers(EVERYTHING, window.now(), window.before(), listed=5).listed == []
    nothing = largest_ways(EVERYTHING, window.now(), listed=5, each_side=5)
    assert (nothing.listed, nothing.gathered, nothing.whole) == ({}, {}, Ends())


def test_calls_of_another_environment_are_not_among_them() -> None:
    stock(7, applications=30)
    window = between(NOON - timedelta(days=7), NOON, NOON)
    mine = EVERYTHING.of(environment_id=default_environment().id)
    assert largest_callers(mine, window.now(), window.before(), listed=5) == largest_callers(
        EVERYTHING, window.now(), window.before(), listed=5
    )
    other = EVERYTHING.of(environment_id="env_other")
    told = largest_callers(other, window.now(), window.before(), listed=5)
    assert (told.listed, told.number, told.fresh) == ([], 0, 0)
    assert largest_ways(other, window.now(), listed=5, each_side=5).listed == {}


def test_the_number_of_queries_does_not_grow_with_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busiest, "LIKELY", 3)
    stock(7, applications=90, is_even=True)
    for window in windows():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            largest_callers(EVERYTHING, window.now(), window.before(), listed=5)
        assert len(queries) <= 6
        with CaptureQueriesContext(connection) as queries:
            largest_ways(EVERYTHING, window.now(), listed=5, each_side=5)
        assert len(queries) <= 5
