"""Rules judged over made minutes: windows, volume, hysteresis; the sliding sums are those of plain addition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apim.alerts.judging import CLEAR_MINUTES, MINUTE, OK, Episode, Minute, Verdict, judge, walk
from apim.alerts.templates import TEMPLATES, checked_settings
from apim.errors import Problems
from apim.usage.histogram import bucket_of
from tests.properties import patient

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
GOOD, BAD = Minute(calls=100, failed=0), Minute(calls=100, failed=50)
CLEAR = Verdict(0.0, is_broken=False, is_clear=True)
BROKEN = Verdict(9.0, is_broken=True, is_clear=False)
BETWEEN = Verdict(5.0, is_broken=False, is_clear=False)

minutes = st.builds(
    Minute,
    calls=st.integers(0, 200),
    failed=st.integers(0, 50),
    buckets=st.dictionaries(st.integers(0, 91), st.integers(1, 20), max_size=3),
    refused=st.dictionaries(st.sampled_from(["", "crd_1", "crd_2"]), st.integers(1, 60), max_size=3),
)


def fired(kind: str, series: list[Minute], **given_settings: float) -> list[Episode]:
    full = checked_settings(kind, given_settings)
    return walk(judge(kind, full, series), begins_at=START, hold=full["hold"])[1]


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
@settings(patient, max_examples=30)
@given(series=st.lists(minutes, max_size=40), shift=st.integers(0, 20))
def test_a_verdict_depends_on_nothing_before_its_window(kind: str, series: list[Minute], shift: int) -> None:
    full = checked_settings(kind, {"minutes": 5} if "minutes" in TEMPLATES[kind].defaults else {})
    alone = judge(kind, full, series)
    padded = judge(kind, full, [Minute()] * shift + series)[shift:]
    assert padded == alone
    if series and kind in {"error_share", "latency", "refusals"}:
        assert judge(kind, full, series[-5:])[-1] == alone[-1]


@patient
@given(verdicts=st.lists(st.sampled_from([CLEAR, BROKEN, BETWEEN]), max_size=60), cut=st.integers(0, 60))
def test_a_walk_in_two_parts_comes_to_the_same(verdicts: list[Verdict], cut: int) -> None:
    whole, episodes = walk(verdicts, begins_at=START, hold=2)
    middle, first = walk(verdicts[:cut], begins_at=START, hold=2)
    end, second = walk(verdicts[cut:], begins_at=START + MINUTE * len(verdicts[:cut]), hold=2, standing=middle)
    assert end == whole
    assert [*(each for each in first if each.end), *second] == episodes


@patient
@given(verdicts=st.lists(st.sampled_from([CLEAR, BROKEN, BETWEEN]), max_size=80))
def test_episodes_follow_each_other_with_good_minutes_between(verdicts: list[Verdict]) -> None:
    _, episodes = walk(verdicts, begins_at=START, hold=1)
    assert all(each.end is not None for each in episodes[:-1])
    for before, after in pairwise(episodes):
        assert before.end is not None
        assert before.end < after.start
        assert not before.overlaps(after.start, after.end)
    assert all(each.end is None or each.end - each.start >= MINUTE * CLEAR_MINUTES for each in episodes)


def test_a_broken_minute_is_pending_until_it_held() -> None:
    standing, episodes = walk([BROKEN, BROKEN], begins_at=START, hold=2)
    assert (standing.state, episodes) == ("pending", [])
    standing, episodes = walk([BROKEN] * 3, begins_at=START, hold=2)
    assert standing.state == "firing"
    assert episodes == [Episode(START + 3 * MINUTE, None, 9.0)]


def test_one_good_minute_does_not_end_it_and_neither_do_minutes_near_the_limit() -> None:
    verdicts = [BROKEN, *[CLEAR] * (CLEAR_MINUTES - 1), BROKEN, *[BETWEEN] * 30]
    standing, episodes = walk(verdicts, begins_at=START, hold=0)
    assert standing.state == "firing"
    assert len(episodes) == 1
    assert walk([CLEAR] * CLEAR_MINUTES, begins_at=START, hold=0, standing=standing)[0] == OK


def test_failures_fire_only_with_volume() -> None:
    assert len(fired("error_share", [GOOD] * 10 + [BAD] * 10)) == 1
    assert fired("error_share", [Minute(calls=1, failed=1)] * 20) == []
    assert fired("error_share", [GOOD] * 60) == []


def test_slow_answers_fire_by_the_95th_percentile() -> None:
    fast, slow = {bucket_of(5_000): 100}, {bucket_of(5_000): 80, bucket_of(2_000_000): 20}
    assert fired("latency", [Minute(100, 0, fast)] * 30) == []
    (episode,) = fired("latency", [Minute(100, 0, fast)] * 10 + [Minute(100, 0, slow)] * 20)
    assert episode.worst > 1500


def test_silence_fires_after_traffic_and_never_where_nobody_called() -> None:
    assert fired("absence", [Minute()] * 120) == []
    (episode,) = fired("absence", [GOOD] * 30 + [Minute()] * 60)
    assert episode.start == START + timedelta(minutes=30 + 15 + 2)
    ended = fired("absence", [GOOD] * 30 + [Minute()] * 500 + [GOOD] * 10)
    assert [each.end is not None for each in ended] == [True]


def test_a_budget_burns_fast_within_an_hour_and_slowly_within_six() -> None:
    quick = [GOOD] * 60 + [Minute(100, 5)] * 30
    slow = [GOOD] * 60 + [Minute(1000, 8)] * 360
    assert len(fired("budget_burn", quick)) == 1
    assert len(fired("budget_burn", slow)) == 1
    assert fired("budget_burn", [Minute(1000, 1)] * 420) == []


def test_refusals_name_the_credential() -> None:
    series = [Minute(10, 0, {}, {"crd_1": 2, "": 1})] * 5 + [Minute(30, 0, {}, {"crd_2": 30})] * 5
    (episode,) = fired("refusals", series)
    assert episode.detail == "crd_2"


@pytest.mark.parametrize(
    "given_settings", [{"percent": 0}, {"percent": "5"}, {"minutes": 1.5}, {"other": 1}, {"calls": True}], ids=str
)
def test_settings_out_of_their_limits_are_refused(given_settings: dict[str, object]) -> None:
    with pytest.raises(Problems):
        checked_settings("error_share", given_settings)
