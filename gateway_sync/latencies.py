"""Latencies: calls counted by how long they took, in few buckets that add up over workers and gateways. Pure.

Four buckets for each power of two of microseconds, so a percentile read back is at most an eighth off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

Counted = Sequence[tuple[int, int]]  # (bucket, calls)
_STEPS = 4
_SHIFT = 2  # bits below the highest one that tell the steps of a power of two apart


def bucket_of(microseconds: int) -> int:
    """The bucket that counts a duration."""
    if microseconds < _STEPS:
        return max(0, microseconds)
    power = microseconds.bit_length()
    return (power - _SHIFT) * _STEPS + (microseconds >> (power - 1 - _SHIFT)) % _STEPS


def edge_of(bucket: int) -> int:
    """Below how many microseconds the durations of a bucket are."""
    if bucket < _STEPS:
        return bucket + 1
    power, step = divmod(bucket, _STEPS)
    return (_STEPS + step + 1) << (power - 1)


def add(one: Counted, other: Counted) -> list[tuple[int, int]]:
    """Both together."""
    counts = Counter(dict(one))
    counts.update(dict(other))
    return sorted(counts.items())


def percentile_us(counted: Iterable[tuple[int, int]], share: float) -> int | None:
    """What `share` (0 to 1) of the calls stayed below; None without calls."""
    ordered = sorted(counted)
    wanted = share * sum(calls for _, calls in ordered)
    reached = 0
    for bucket, calls in ordered:
        reached += calls
        if calls and reached >= wanted:
            return edge_of(bucket)
    return None
