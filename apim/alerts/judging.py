"""Judging a series of minutes by a rule: what each minute comes to, and when the rule fires and is over. Pure.

The same functions watch the present, re-read the last minutes for records that came late, and preview a week.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from apim.usage.histogram import percentile_ms

MINUTE = timedelta(minutes=1)
LOOKBACK = timedelta(hours=6)  # the longest that any rule looks back
CLEAR_MINUTES = 5  # a rule is over after so many good minutes in a row
CLEAR_SHARE = 0.9  # good is below so much of the limit; between it and the limit nothing changes
_P95 = 0.95
_FAST, _SLOW, _STILL = 60, 360, 12


@dataclass(frozen=True, slots=True)
class Minute:
    """What was counted.

    Shapes: failed are 5xx; buckets are of usage.histogram; refused counts 401 and 403 by who.

    lag_s and lagging are the worst lag of a gateway, and its name.
    """

    calls: int = 0
    failed: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    lag_s: int = 0
    lagging: str = ""


EMPTY = Minute()


class Verdict(NamedTuple):
    """A minute judged. Shapes: value None = too little to judge by; neither broken nor clear changes nothing."""

    value: float | None
    is_broken: bool
    is_clear: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch in which a rule fired. Shapes: end None = it still does; both are ends of minutes."""

    start: datetime
    end: datetime | None
    worst: float
    detail: str = ""

    def overlaps(self, start: datetime, end: datetime | None) -> bool:
        """True when both share a moment."""
        return (end is None or self.start <= end) and (self.end is None or start <= self.end)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rule stands. Shapes: state is ok, pending or firing; good counts clear minutes in a row."""

    state: str = "ok"
    since: datetime | None = None
    good: int = 0
    worst: float = 0.0
    detail: str = ""


OK = Standing()


class _Window:
    """Sums over the last so many minutes, kept up as minutes come and go."""

    def __init__(self, minutes: Sequence[Minute], length: int) -> None:
        self._minutes, self._length = minutes, length
        self.calls = self.failed = 0
        self.buckets: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()

    def take(self, index: int) -> None:
        """Add the minute at index, and let go of the one that is too old."""
        self._add(self._minutes[index], 1)
        if index >= self._length:
            self._add(self._minutes[index - self._length], -1)

    def _add(self, minute: Minute, sign: int) -> None:
        self.calls += sign * minute.calls
        self.failed += sign * minute.failed
        for bucket, calls in minute.buckets.items():
            self.buckets[bucket] += sign * calls
        for who, calls in minute.refused.items():
            self.refused[who] += sign * calls
            if not self.refused[who]:
                del self.refused[who]


def judge(kind: str, settings: Mapping[str, float], minutes: Sequence[Minute]) -> list[Verdict]:
    """The verdict at the end of each minute; before the first nothing is known to have been called."""
    return _JUDGES[kind](settings, minutes)


def walk(
    verdicts: Iterable[Verdict], *, begins_at: datetime, hold: float, standing: Standing = OK
) -> tuple[Standing, list[Episode]]:
    """Where the rule stands after the verdicts, and every stretch in which it fired.

    Shapes: begins_at is the start of the first minute; an episode starts with the end of the minute that made the rule
    fire, and one that goes on has no end. Of a rule that fires at the beginning, the stretch is told as well.
    """
    episodes: list[Episode] = []
    at = begins_at
    for verdict in verdicts:
        at += MINUTE
        before = standing
        standing = _step(standing, verdict, at, hold)
        if before.state == "firing" and standing.state != "firing":
            episodes.append(Episode(before.since or at, at, before.worst, before.detail))
    if standing.state == "firing":
        episodes.append(Episode(standing.since or at, None, standing.worst, standing.detail))
    return standing, episodes


def _step(standing: Standing, verdict: Verdict, at: datetime, hold: float) -> Standing:
    if standing.state == "firing":
        good = standing.good + 1 if verdict.is_clear else 0
        if good >= CLEAR_MINUTES:
            return OK
        if verdict.value is not None and verdict.is_broken and verdict.value >= standing.worst:
            return replace(standing, good=good, worst=verdict.value, detail=verdict.detail)
        return replace(standing, good=good)
    if not verdict.is_broken or verdict.value is None:
        return OK
    since = standing.since if standing.state == "pending" and standing.since else at
    worst = max(verdict.value, standing.worst)
    if at - since >= MINUTE * hold:
        return Standing("firing", at, 0, worst, verdict.detail)
    return Standing("pending", since, 0, worst, verdict.detail)


def _judge_errors(settings: Mapping[str, float], minutes: Sequence[Minute]) -> list[Verdict]:
    window, verdicts = _Window(minutes, int(settings["minutes"])), []
    for index in range(len(minutes)):
        window.take(index)
        share = window.failed * 100 / window.calls if window.calls else None
        verdicts.append(_above(share, settings["percent"], has_volume=window.calls >= settings["calls"]))
    return verdicts


def _judge_latency(settings: Mapping[str, float], minutes: Sequence[Minute]) -> list[Verdict]:
    window, verdicts = _Window(minutes, int(settings["minutes"])), []
    for index in range(len(minutes)):
        window.take(index)
        counted = {bucket: calls for bucket, calls in window.buckets.items() if calls}
        has_volume = sum(counted.values()) >= settings["calls"]
        verdicts.append(_above(percentile_ms(counted, _P95), settings["ms"], has_volume=has_volume))
    return verdicts


def _judge_absence(settings: Mapping[str, float], minutes: Sequence[Minute]) -> list[Verdict]:
    window, earlier = _Window(minutes, int(settings["minutes"])), _Window(minutes, _SLOW)
    verdicts = []
    for index in range(len(minutes)):
        window.take(index)
        earlier.take(index)
        is_silent = not window.calls
        verdicts.append(Verdict(float(window.calls), is_silent and earlier.calls > 0, not is_silent))
    return verdicts


def _judge_budget(settings: Mapping[str, float], minutes: Sequence[Minute]) -> list[Verdict]:
    pairs = [
        (_Window(minutes, length), _Window(minutes, length // _STILL), settings[name])
        for length, name in ((_FAST, "fast"), (_SLOW, "slow"))
    ]
    budget = (100 - settings["objective"]) / 100
    verdicts = []
    for index in range(len(minutes)):
        judged = []
        for window, still, factor in pairs:
            window.take(index)
            still.take(index)
            has_volume = window.calls >= settings["calls"]
            burn = min(_burn(window, budget), _burn(still, budget))
            judged.append((burn / factor, burn, has_volume))
        share, burn, has_volume = max(judged)
        verdict = _above(share, 1.0, has_volume=has_volume)
        verdicts.append(verdict._replace(value=burn if verdict.value is not None else None))
    return verdicts


def _judge_refusals(settings: Mapping[str, float], minutes: Sequence[Minute]) -> list[Verdict]:
    window, verdicts = _Window(minutes, int(settings["minutes"])), []
    for index in range(len(minutes)):
        window.take(index)
        who, count = max(window.refused.items(), key=lambda each: (each[1], each[0]), default=("", 0))
        limit = settings["count"]
        verdicts.append(Verdict(float(count), count >= limit, count < limit * CLEAR_SHARE, who))
    return verdicts


def _judge_lag(settings: Mapping[str, float], minutes: Sequence[Minute]) -> list[Verdict]:
    limit = settings["seconds"]
    return [
        Verdict(float(each.lag_s), each.lag_s > limit, each.lag_s <= limit * CLEAR_SHARE, each.lagging)
        for each in minutes
    ]


def _burn(window: _Window, budget: float) -> float:
    """How many times faster than planned the budget is used."""
    return window.failed / window.calls / budget if window.calls else 0.0


def _above(value: float | None, limit: float, *, has_volume: bool) -> Verdict:
    """Broken above the limit; too few calls are no reason to fire, and reason enough to be over."""
    if value is None or not has_volume:
        return Verdict(None, is_broken=False, is_clear=True)
    return Verdict(value, value > limit, value <= limit * CLEAR_SHARE)


_JUDGES: dict[str, Callable[[Mapping[str, float], Sequence[Minute]], list[Verdict]]] = {
    "error_share": _judge_errors,
    "latency": _judge_latency,
    "absence": _judge_absence,
    "budget_burn": _judge_budget,
    "refusals": _judge_refusals,
    "gateway_lag": _judge_lag,
}
