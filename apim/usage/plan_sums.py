"""Adding calls to the sums with the plan version that they were made under, whatever the sums were told before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from apim.usage.models import UsageRollup
from apim.usage.plan_moves import PlanMove
from apim.usage.upserts import add_up, add_up_named

Key = tuple[Any, ...]
_SUBSCRIPTION = UsageRollup.DIMENSIONS.index("subscription_id")


def add_calls(rows: Mapping[Key, Sequence[int]], plans: Mapping[str, str], others: Mapping[Key, Sequence[int]]) -> None:
    """Add calls to UsageRollup, and what of them its rows do not name the plan version of to PlanMove.

    Shapes: rows by UsageRollup.DIMENSIONS hold all calls; plans = the version that most calls of a subscription were
    made under; others = what of rows was made under another one, by the same dimensions and that version.
    """
    named = add_up_named(
        UsageRollup,
        UsageRollup.DIMENSIONS,
        UsageRollup.SUMS,
        rows,
        name="plan_version_id",
        by="subscription_id",
        names=plans,
    )
    if not named and not others:
        return
    parts: defaultdict[Key, dict[str, Sequence[int]]] = defaultdict(dict)
    for key, amounts in others.items():
        parts[key[:-1]][key[-1]] = amounts
    moves: dict[Key, Sequence[int]] = {}
    for row in named.keys() | parts.keys():
        usual = plans[row[_SUBSCRIPTION]]
        rest = [whole - sum(part) for whole, *part in zip(rows[row], *parts[row].values(), strict=True)]
        of_row = named.get(row, usual)
        for plan, amounts in {**parts[row], usual: rest}.items():
            if plan != of_row and any(amounts):
                moves[*row, plan, of_row] = amounts
    add_up(PlanMove, PlanMove.DIMENSIONS, PlanMove.SUMS, moves)
