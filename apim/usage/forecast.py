"""When a quota will be used up, at the pace of lately. Pure.

Owns: the arithmetic and how sure it is. Must not know: where counts come from, words.

The pace is the mean of the last whole steps (days for a month, hours for a day, minutes for an hour), and the bounds
are two standard errors of that mean to either side. Who calls on working days only, or has just begun, has a wide
range; of fewer than three steps or 20 calls nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt
from typing import Final

_FEWEST_STEPS: Final = 3
_FEWEST_CALLS: Final = 20
_ERRORS: Final = 2  # standard errors to either side


class Outlook(StrEnum):
    """What is to be expected of a quota before it starts anew."""

    TOO_EARLY = "too_early"
    LASTS = "lasts"
    MAY_RUN_OUT = "may_run_out"  # by the quickest of what is likely, not by the mean
    RUNS_OUT = "runs_out"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Shapes: at is the moment at the mean pace, earliest and latest bound it; each None = not before it starts anew.

    steps says how many whole steps the pace is read from.
    """

    outlook: Outlook
    at: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    steps: int = 0

    @property
    def is_certain(self) -> bool:
        """True when it runs out even at the slowest of what is likely."""
        return self.outlook == Outlook.RUNS_OUT and self.latest is not None


def forecast_of(
    *, limit: int, used: int, counts: Sequence[int], step: timedelta, now: datetime, resets_at: datetime
) -> Forecast:
    """The forecast. Shapes: counts are calls of the last whole steps, the oldest first; leading zeros are no data."""
    if used >= limit:
        return Forecast(Outlook.USED_UP)
    known = list(counts)
    while known and not known[0]:
        known.pop(0)
    if len(known) < _FEWEST_STEPS or sum(known) < _FEWEST_CALLS:
        return Forecast(Outlook.TOO_EARLY, steps=len(known))
    number, total = len(known), sum(known)
    mean = total / number
    # The variance by whole numbers: exact until it is divided.
    error = _ERRORS * sqrt((number * sum(each * each for each in known) - total * total) / (number - 1)) / number
    left = limit - used

    def end(pace: float) -> datetime | None:
        """When what is left is gone at so many calls a step."""
        if pace <= 0 or left / pace * step.total_seconds() >= (resets_at - now).total_seconds():
            return None
        return now + left / pace * step

    at, earliest, latest = end(mean), end(mean + error), end(mean - error)
    if at is not None:
        return Forecast(Outlook.RUNS_OUT, at, earliest, latest, len(known))
    outlook = Outlook.LASTS if earliest is None else Outlook.MAY_RUN_OUT
    return Forecast(outlook, None, earliest, None, len(known))
