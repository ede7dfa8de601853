"""Latency buckets."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.usage.histogram import EDGES_US, bucket_of, percentile_ms


def test_edges_grow_and_reach_ten_minutes() -> None:
    assert list(EDGES_US) == sorted(set(EDGES_US))
    assert EDGES_US[-1] > 10 * 60 * 1_000_000


@given(st.integers(0, 2**40))
def test_a_duration_lies_within_its_bucket(duration_us: int) -> None:
    bucket = bucket_of(duration_us)
    assert duration_us <= EDGES_US[bucket] or bucket == len(EDGES_US) - 1
    assert bucket == 0 or duration_us > EDGES_US[bucket - 1]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_at_most_one_bucket_off(durations_us: list[int], share: float) -> None:
    durations_us.sort()
    counts = Counter(map(bucket_of, durations_us))
    told = percentile_ms(counts, share)
    rank = max(0, -int(-share * len(durations_us) // 1) - 1)
    true_bucket = bucket_of(durations_us[min(rank, len(durations_us) - 1)])
    low = EDGES_US[true_bucket - 1] / 1000 if true_bucket else 0
    assert told is not None
    assert low - 0.01 <= told <= EDGES_US[true_bucket] / 1000 + 0.01


def test_counts_of_two_gateways_add_up_to_the_percentile_of_both() -> None:
    slow, fast = Counter({60: 50}), Counter({10: 50})
    assert percentile_ms(slow + fast, 0.5) == pytest.approx(EDGES_US[10] / 1000, abs=0.01)


def test_without_calls_there_is_no_percentile() -> None:
    assert percentile_ms({}, 0.99) is None
