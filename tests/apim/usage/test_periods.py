"""Starts and ends of calendar periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apim.usage.periods import end_of, last_whole, start_of


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("minute", "2026-11-21T10:42:00+00:00", "2026-11-21T10:43:00+00:00"),
        ("hour", "2026-11-21T10:00:00+00:00", "2026-11-21T11:00:00+00:00"),
        ("day", "2026-11-21T00:00:00+00:00", "2026-11-22T00:00:00+00:00"),
        ("month", "2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00"),
    ],
)
def test_a_period_begins_and_ends_on_its_calendar_edges(period: str, start: str, end: str) -> None:
    at = datetime(2026, 11, 21, 10, 42, 31, 5, tzinfo=UTC)
    assert start_of(period, at) == datetime.fromisoformat(start)
    assert end_of(period, at) == datetime.fromisoformat(end)


def test_a_day_follows_the_clocks_of_its_zone() -> None:
    clocks_go_back = datetime(2026, 10, 25, 12, tzinfo=UTC)
    start, end = (edge("day", clocks_go_back, "Europe/Berlin") for edge in (start_of, end_of))
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=25)


def test_a_month_ends_where_the_next_begins_even_in_december() -> None:
    assert end_of("month", datetime(2026, 12, 31, 23, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "at", "start", "end"),
    [
        ("day", "2026-03-01T00:00", "2026-02-28", "2026-03-01"),
        ("week", "2026-11-22T23:59", "2026-11-09", "2026-11-16"),
        ("month", "2026-03-31T12:00", "2026-02-01", "2026-03-01"),
        ("month", "2026-01-01T00:00", "2025-12-01", "2026-01-01"),
        ("year", "2028-02-29T12:00", "2027-01-01", "2028-01-01"),
    ],
)
def test_the_last_whole_period_ended_before(interval: str, at: str, start: str, end: str) -> None:
    found = last_whole(interval, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert [edge.isoformat() for edge in found] == [f"{start}T00:00:00+00:00", f"{end}T00:00:00+00:00"]
