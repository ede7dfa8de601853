"""Forecasts of quotas: honest about what they do not know, and in order whatever the counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.usage.forecast import Forecast, Outlook, forecast_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
COUNTS = st.lists(st.integers(0, 5_000), max_size=14)


def forecast(limit: int, used: int, counts: list[int]) -> Forecast:
    return forecast_of(limit=limit, used=used, counts=counts, step=DAY, now=NOW, resets_at=END)


def test_an_even_pace_ends_at_one_moment() -> None:
    found = forecast(1000, 700, [100] * 7)
    assert (found.outlook, found.at) == (Outlook.RUNS_OUT, NOW + 3 * DAY)
    assert found.earliest == found.at == found.latest
    assert found.is_certain


def test_an_uneven_pace_ends_within_a_range() -> None:
    found = forecast(1000, 700, [50, 150, 50, 150, 50, 150])
    assert found.at == NOW + 3 * DAY
    assert found.earliest is not None
    assert found.latest is not None
    assert found.earliest < found.at < found.latest


@pytest.mark.parametrize("counts", [[], [0] * 14, [500, 500], [0, 0, 0, 900], [1] * 14])
def test_of_too_little_nothing_is_said(counts: list[int]) -> None:
    assert forecast(1000, 10, counts).outlook == Outlook.TOO_EARLY


def test_what_lasts_is_said_to_last_and_what_may_not_is_said_to_be_uncertain() -> None:
    assert forecast(1_000_000, 10, [100] * 7).outlook == Outlook.LASTS
    found = forecast(1000, 0, [0, 1, 0, 300, 0, 0, 300, 0, 0, 100])
    assert found.outlook == Outlook.MAY_RUN_OUT
    assert found.earliest is not None
    assert found.at is None


@given(st.integers(1, 100_000), st.integers(0, 100_000), COUNTS)
def test_moments_are_in_order_and_before_it_starts_anew(limit: int, used: int, counts: list[int]) -> None:
    found = forecast(limit, used, counts)
    moments = [each for each in (found.earliest, found.at, found.latest) if each is not None]
    assert moments == sorted(moments)
    assert all(NOW <= each < END for each in moments)
    assert (found.outlook == Outlook.USED_UP) == (used >= limit)
    assert (found.at is not None) == (found.outlook == Outlook.RUNS_OUT)
    if found.outlook == Outlook.TOO_EARLY:
        assert not moments


@given(st.integers(1, 100_000), st.integers(0, 50_000), st.integers(0, 50_000), COUNTS)
def test_who_has_used_more_runs_out_no_later(limit: int, used: int, more: int, counts: list[int]) -> None:
    less, greater = forecast(limit, used, counts), forecast(limit, used + more, counts)
    if greater.at is not None and less.at is not None:
        assert greater.at <= less.at
    if less.outlook == Outlook.RUNS_OUT:
        assert greater.outlook in {Outlook.RUNS_OUT, Outlook.USED_UP}
