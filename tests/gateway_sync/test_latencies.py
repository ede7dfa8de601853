"""Latencies in few buckets: fine enough, and they add up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.latencies import add, bucket_of, edge_of, percentile_us
from tests.properties import patient

_durations = st.integers(0, 2**40)


@patient
@given(_durations)
def test_a_duration_is_below_the_edge_of_its_bucket_and_not_far_below(duration: int) -> None:
    bucket = bucket_of(duration)
    assert duration < edge_of(bucket) <= max(duration * 1.25 + 1, duration + 1)
    assert bucket == 0 or edge_of(bucket - 1) <= duration


@patient
@given(st.lists(_durations, max_size=50), st.lists(_durations, max_size=50))
def test_counts_of_two_add_up(one: list[int], other: list[int]) -> None:
    def counted(durations: list[int]) -> list[tuple[int, int]]:
        told: list[tuple[int, int]] = []
        for duration in durations:
            told = add(told, [(bucket_of(duration), 1)])
        return told

    assert add(counted(one), counted(other)) == counted([*one, *other])


@patient
@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=100), st.floats(0.01, 1))
def test_a_percentile_is_at_most_a_quarter_above_what_it_stands_for(durations: list[int], share: float) -> None:
    told: list[tuple[int, int]] = []
    for duration in durations:
        told = add(told, [(bucket_of(duration), 1)])
    found = percentile_us(told, share)
    assert found is not None
    within = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
    assert within < found <= within * 1.25 + 1


def test_nothing_has_no_percentile() -> None:
    assert percentile_us([], 0.95) is None
