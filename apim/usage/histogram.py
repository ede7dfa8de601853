"""Latency buckets with fixed edges: counts of the same bucket add up over rows, gateways and time.

Owns: the edges. Edges never change, since stored rows mean them; each is 1.2 times the one before, so a percentile
read back is at most 10 % off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

_FIRST_EDGE_US = 50
_GROWTH = 1.2
_BUCKETS = 92  # the last edge lies above 10 minutes

EDGES_US: tuple[int, ...] = tuple(round(_FIRST_EDGE_US * _GROWTH**index) for index in range(_BUCKETS))
_INNER_EDGES_US = EDGES_US[:-1]


def bucket_of(duration_us: int) -> int:
    """The bucket that counts a duration; the last one also counts all that is longer."""
    return bisect_left(_INNER_EDGES_US, duration_us)


def percentile_ms(counts: Mapping[int, int], share: float) -> float | None:
    """The duration that `share` (0 to 1) of the calls stayed within, in milliseconds; None without calls.

    Shapes: counts maps a bucket to its calls.
    """
    total = sum(counts.values())
    if not total:
        return None
    rank = share * total
    seen = 0
    for bucket in sorted(counts):
        before, seen = seen, seen + counts[bucket]
        if seen >= rank:
            low = EDGES_US[bucket - 1] if bucket else 0
            within = (rank - before) / counts[bucket]
            return round((low + (EDGES_US[bucket] - low) * within) / 1000, 2)
    return round(EDGES_US[-1] / 1000, 2)
