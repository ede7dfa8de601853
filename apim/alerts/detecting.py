"""What is ordinary for an hour, and whether one is out of it: robust, seasonal, and quiet where little happens. Pure.

An hour is compared with the same hour of the week in the four weeks before: their median, and their median absolute
deviation (MAD), which one bad week cannot move. Source: docs/explain/anomalies.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

WEEK = timedelta(days=7)
WEEKS = 4
LEAST_WEEKS = 2  # with fewer hours to compare with, nothing is said
FACTOR = 6.0  # how many spreads away an hour must be
MAD_TO_SIGMA = 1.4826  # makes a MAD comparable to a standard deviation


class Baseline(NamedTuple):
    """What was expected of an hour. Shapes: spread is the scaled MAD, never below the metric's floor."""

    expected: float
    spread: float


class Hour(NamedTuple):
    """What was counted in an hour. Shapes: value None = too few calls to tell, such as a p95 of three calls."""

    value: float | None
    calls: int


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is judged.

    Shapes: floor_share and floor are the least spread, as a share of what is expected and as such; volume is the calls
    that an hour, or what is expected of it, must have; is_two_sided tells of too little as well.
    """

    floor_share: float
    floor: float
    volume: int
    is_two_sided: bool = False


METRICS: Mapping[str, Metric] = {
    "calls": Metric(floor_share=0.10, floor=10, volume=100, is_two_sided=True),
    "error_share": Metric(floor_share=0.10, floor=0.5, volume=100),
    "latency": Metric(floor_share=0.10, floor=10, volume=100),
}


@dataclass(frozen=True, slots=True)
class Oddity:
    """An hour out of the ordinary."""

    value: float
    baseline: Baseline


def detect(metric: str, series: Mapping[datetime, Hour], at: datetime) -> Oddity | None:
    """The hour that begins at `at`, when it is out of the ordinary; None when it is not, or nobody can tell.

    Shapes: series maps the beginnings of hours to what was counted; an hour without calls may be missing, and counts as
    nought as long as the API was called before it.
    """
    rules = METRICS[metric]
    first = min(series, default=None)
    if first is None:
        return None
    is_count = rules.is_two_sided
    now = series.get(at, Hour(0.0 if is_count else None, 0))
    earlier = [at - WEEK * week for week in range(1, WEEKS + 1) if at - WEEK * week >= first]
    compared = (series.get(each, Hour(0.0 if is_count else None, 0)) for each in earlier)
    values = [hour.value for hour in compared if hour.value is not None]
    if now.value is None or len(values) < LEAST_WEEKS:
        return None
    baseline = baseline_of(values, rules)
    if max(now.calls, baseline.expected if is_count else now.calls) < rules.volume:
        return None
    away = now.value - baseline.expected
    if abs(away) <= FACTOR * baseline.spread or (away < 0 and not rules.is_two_sided):
        return None
    return Oddity(now.value, baseline)


def baseline_of(values: Sequence[float], metric: Metric) -> Baseline:
    """Median and scaled MAD of the same hour in other weeks."""
    middle = median(values)
    deviation = median(abs(value - middle) for value in values) * MAD_TO_SIGMA
    return Baseline(middle, max(deviation, metric.floor_share * abs(middle), metric.floor))
