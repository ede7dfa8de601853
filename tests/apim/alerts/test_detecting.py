"""The detector on made series: flat, seasonal, a step, a spike, holes, too little."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.alerts.detecting import METRICS, WEEK, Hour, baseline_of, detect
from tests.properties import patient

AT = datetime(2026, 11, 18, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
Series = dict[datetime, Hour]


def made(shape: object, weeks: int = 5) -> Series:
    start = AT - weeks * WEEK
    values = ((start + HOUR * index, float(shape(start + HOUR * index))) for index in range(weeks * 168 + 1))  # type: ignore[operator]
    return {at: Hour(value, int(value)) for at, value in values}


def flat(_at: datetime) -> float:
    return 1000.0


def seasonal(at: datetime) -> float:
    return 2000 + 1800 * math.sin(at.hour / 24 * 2 * math.pi) - (600 if at.weekday() > 4 else 0)


@pytest.mark.parametrize("shape", [flat, seasonal], ids=["flat", "seasonal"])
def test_what_repeats_each_week_is_ordinary_at_every_hour(shape: object) -> None:
    series = made(shape)
    assert all(detect("calls", series, AT - HOUR * back) is None for back in range(168))


def test_a_spike_and_a_fall_of_traffic_are_odd() -> None:
    for value in (5000.0, 0.0):
        oddity = detect("calls", {**made(flat), AT: Hour(value, int(value))}, AT)
        assert oddity is not None
        assert oddity.baseline.expected == 1000


def test_a_missing_hour_of_a_busy_api_is_an_hour_without_calls() -> None:
    series = made(flat)
    del series[AT]
    oddity = detect("calls", series, AT)
    assert oddity is not None
    assert oddity.value == 0


def test_a_spike_in_one_earlier_week_hides_nothing_and_makes_nothing_odd() -> None:
    series = {**made(flat), AT - WEEK: Hour(50_000.0, 50_000)}
    assert detect("calls", series, AT) is None
    assert detect("calls", {**series, AT: Hour(9000.0, 9000)}, AT) is not None


def test_a_step_is_odd_at_first_and_ordinary_after_some_weeks() -> None:
    stepped = made(lambda at: 1000 if at < AT - 3 * WEEK else 4000)
    assert detect("calls", {**made(flat), AT: Hour(4000.0, 4000)}, AT) is not None
    assert detect("calls", stepped, AT) is None


def test_holes_leave_too_little_to_judge_by() -> None:
    series = {at: hour for at, hour in made(flat).items() if at >= AT - WEEK}
    assert detect("calls", {**series, AT: Hour(9000.0, 9000)}, AT) is None
    assert detect("calls", {}, AT) is None


def test_little_traffic_is_never_odd() -> None:
    series = made(lambda _at: 4)
    assert detect("calls", {**series, AT: Hour(60.0, 60)}, AT) is None
    assert detect("error_share", {**series, AT: Hour(100.0, 60)}, AT) is None


def test_fewer_failures_and_faster_answers_are_no_oddity() -> None:
    for metric in ("error_share", "latency"):
        series = {at: Hour(50.0, 1000) for at in made(flat)}
        assert detect(metric, {**series, AT: Hour(0.1, 1000)}, AT) is None
        assert detect(metric, {**series, AT: Hour(150.0, 1000)}, AT) is not None


@patient
@given(values=st.lists(st.floats(0, 1e6), min_size=2, max_size=4), scale=st.sampled_from([2.0, 10.0]))
def test_a_baseline_lies_among_what_it_was_made_of_and_scales_with_it(values: list[float], scale: float) -> None:
    metric = METRICS["calls"]
    base = baseline_of(values, metric)
    assert min(values) <= base.expected <= max(values)
    assert base.spread >= metric.floor
    assert baseline_of([value * scale for value in values], metric).expected == pytest.approx(base.expected * scale)
