"""Windows of time: how long, in which steps, and what lies before them. Pure; times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from apim.usage.periods import start_of
from apim.usage.services import KEEP_ROLLUPS

LENGTHS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
LONGEST = KEEP_ROLLUPS["day"]
_FINER = {"day": "hour", "hour": "minute"}
_COARSER = {"minute": "hour", "hour": "day"}
_SHORTEST = timedelta(microseconds=1)
# Up to this length: steps of so many periods, so that a chart has at most about seventy of them.
_STEPS = (
    (timedelta(hours=2), "minute", 1),
    (timedelta(hours=6), "minute", 5),
    (timedelta(hours=48), "hour", 1),
    (timedelta(days=8), "hour", 3),
    (timedelta(days=92), "day", 1),
    (LONGEST, "day", 7),
)


class Part(NamedTuple):
    """The roll-ups of one period that begin in [since, until)."""

    period: str
    since: datetime
    until: datetime


class Stretch(NamedTuple):
    """Parts of time that together are a whole. Shapes: is_to_now = nothing has been called after its end yet."""

    parts: tuple[Part, ...]
    is_to_now: bool = False

    def coarse(self) -> Stretch:
        """The same time by as few roll-ups as tell it: whole days of hours as days, whole hours of minutes as hours.

        The day or hour that is under way has no more than what the stretch has of it, where that goes on to now.
        """
        parts = (finer for part in self.parts for finer in _coarse(part, is_to_now=self.is_to_now))
        return Stretch(tuple(parts), self.is_to_now)


@dataclass(frozen=True, slots=True)
class Window:
    """What a page shows. Shapes: since begins a step; until may end within one; a step is `size` periods long."""

    since: datetime
    until: datetime
    period: str
    size: int
    is_to_now: bool = False

    @property
    def step(self) -> timedelta:
        """How long a step is."""
        return UNITS[self.period] * self.size

    def starts(self) -> list[datetime]:
        """The start of each step."""
        step = self.step
        count = -(-(self.until - self.since) // step)
        return [self.since + step * number for number in range(count)]

    def now(self) -> Stretch:
        """The window itself."""
        return Stretch((Part(self.period, self.since, self.until),), self.is_to_now)

    def before(self) -> Stretch:
        """As long a stretch right before it.

        Where the window ends within a period, what is before it does so too, by the finer roll-ups: else each day
        would begin as a loss.
        """
        shift = self.step * len(self.starts())
        since, until = self.since - shift, self.until - shift
        last = start_of(self.period, until)
        finer = _FINER.get(self.period)
        if last == until:
            return Stretch((Part(self.period, since, until),))
        if finer is None or shift + UNITS[self.period] > KEEP_ROLLUPS[finer]:  # it may be gone already
            return Stretch((Part(self.period, since, last + UNITS[self.period]),))
        rest = Part(finer, last, start_of(finer, until) + UNITS[finer])
        return Stretch((Part(self.period, since, last), rest))


def _coarse(part: Part, *, is_to_now: bool) -> list[Part]:
    """The part as its beginning, the whole larger periods within it, and its end."""
    period = _COARSER.get(part.period)
    if period is None:
        return [part]
    unit = UNITS[period]
    first, end = _floor(part.since + unit - _SHORTEST, unit), _floor(part.until, unit)
    if is_to_now and end < part.until:
        end += unit
    if first >= end:
        return [part]
    edges = Part(part.period, part.since, first), Part(part.period, end, part.until)
    return [Part(period, first, end), *(edge for edge in edges if edge.since < edge.until)]


def last(name: str, now: datetime) -> Window:
    """The window of LENGTHS that ends now."""
    return _window(now - LENGTHS[name], now, now, is_to_now=True)


def between(since: datetime, until: datetime, now: datetime) -> Window:
    """A window by its ends, at most LONGEST, in steps of roll-ups that are still kept.

    Shapes: ends in the wrong order are swapped; a window is at least a minute long.
    """
    first, second = sorted((since.astimezone(UTC), until.astimezone(UTC)))
    first = max(first, second - LONGEST)
    return _window(first, max(second, first + UNITS["minute"]), now, is_to_now=False)


def _window(since: datetime, until: datetime, now: datetime, *, is_to_now: bool) -> Window:
    period, size = next(((unit, size) for length, unit, size in _STEPS if until - since <= length), ("day", 7))
    while period in _COARSER and since < now - KEEP_ROLLUPS[period] - UNITS["hour"]:
        period, size = _COARSER[period], 1
    step = UNITS[period] * size
    start = _floor(since, step)
    if is_to_now and start != since:  # the step that is under way is the last of them
        start += step
    return Window(start, until, period, size, is_to_now)


def _floor(at: datetime, step: timedelta) -> datetime:
    epoch = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday: weeks begin on it
    return at.astimezone(UTC) - (at - epoch) % step
