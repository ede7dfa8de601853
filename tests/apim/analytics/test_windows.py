"""Windows of time: their steps, and the stretch before them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from apim.analytics.windows import LENGTHS, Part, Stretch, between, last
from apim.usage.periods import start_of

NOW = datetime(2026, 11, 21, 14, 25, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", LENGTHS)
def test_a_window_has_few_whole_steps_and_holds_the_present_one(name: str) -> None:
    window = last(name, NOW)
    starts = window.starts()
    assert len(starts) <= 92
    assert starts[-1] <= NOW < starts[-1] + window.step
    assert all(start_of(window.period, start) == start for start in starts)


@pytest.mark.parametrize("name", LENGTHS)
def test_what_is_before_is_as_long_to_the_finer_period(name: str) -> None:
    window = last(name, NOW)
    parts = window.before().parts
    shift = window.step * len(window.starts())
    assert parts[0].since == window.since - shift
    whole = timedelta(days=1) if name == "90d" else timedelta(hours=1)
    assert timedelta(0) <= parts[-1].until - (window.until - shift) <= whole
    assert [part.until for part in parts[:-1]] == [part.since for part in parts[1:]]


def test_a_day_that_has_begun_is_compared_to_as_much_of_a_day() -> None:
    window = last("30d", NOW)
    midnight = datetime(2026, 10, 22, tzinfo=UTC)
    assert window.before().parts == (
        Part("day", midnight - timedelta(days=29), midnight),
        Part("hour", midnight, midnight + timedelta(hours=15)),
    )


def test_old_windows_take_the_roll_ups_that_are_still_kept() -> None:
    hour = timedelta(hours=1)
    assert between(NOW - hour, NOW, NOW).period == "minute"
    assert between(NOW - timedelta(days=20), NOW - timedelta(days=20) + hour, NOW).period == "hour"
    assert between(NOW - timedelta(days=200), NOW - timedelta(days=200) + hour, NOW).period == "day"


def test_swapped_or_equal_ends_and_ends_far_away_make_a_window_all_the_same() -> None:
    assert between(NOW, NOW - timedelta(hours=1), NOW) == between(NOW - timedelta(hours=1), NOW, NOW)
    assert between(NOW, NOW, NOW).starts()
    assert len(between(datetime(1990, 1, 1, tzinfo=UTC), NOW, NOW).starts()) < 120


@pytest.mark.parametrize("name", LENGTHS)
def test_a_coarse_stretch_is_the_same_time_without_gaps(name: str) -> None:
    for stretch in (last(name, NOW).now(), last(name, NOW).before()):
        coarse = stretch.coarse()
        assert coarse.coarse() == coarse
        ordered = sorted(coarse.parts, key=lambda part: part.since)
        ends = ordered[-1].until, stretch.parts[-1].until
        assert ordered[0].since == stretch.parts[0].since
        assert ends[0] >= ends[1] if stretch.is_to_now else ends[0] == ends[1]  # nothing was called after now
        assert all(part.until == after.since for part, after in pairwise(ordered))
        assert all(start_of(part.period, part.since) == part.since for part in ordered)


def test_a_week_of_hours_is_read_as_days_and_the_hours_at_its_ends() -> None:
    window = last("7d", NOW)
    assert not window.before().is_to_now
    assert Stretch(window.now().parts).coarse().parts[-1] == Part("hour", datetime(2026, 11, 21, tzinfo=UTC), NOW)


def test_the_day_under_way_is_read_as_a_day_where_the_week_ends_now() -> None:
    window = last("7d", NOW)
    midnight, tomorrow = datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    assert window.now().coarse().parts == (
        Part("day", midnight, tomorrow),
        Part("hour", window.since, midnight),
    )
