"""Arms: which group of targets a call meets."""

from __future__ import annotations

from collections.abc import Sequence

CENT = 10_000


def choose_arm(arms: Sequence[tuple[str, int]], wanted: str, point: int) -> str:
    """The arm that is asked for, where there is one of that name; else the one at the point.

    Shapes: arms are pairs of name and weight, one weight at least above 0; point is chance or a hash. A caller whose
    point stays keeps its arm, and when a weight changes only callers near the changed border meet another one.
    """
    if wanted:
        for name, _ in arms:
            if name == wanted:
                return name
    total = sum(weight for _, weight in arms)
    place = point % CENT * total
    reached = 0
    for name, weight in arms:
        reached += weight
        if place < reached * CENT:
            return name
    return arms[-1][0]
