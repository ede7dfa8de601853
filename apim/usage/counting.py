"""Sums of what was counted, made in memory: first by minute and what shares a context, then by the period.

Thousands of events share a few contexts, so they are counted by the context as an object, and all batches of a
transaction together; each text is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from apim.gateways.sandbox import is_twin
from apim.usage.bands import in_bands
from apim.usage.histogram import bucket_of
from apim.usage.models import SideRollup
from apim.usage.periods import PERIODS, start_of
from apim.usage.summaries import Sums, add_end, ends_of_nothing
from gateway_sync import usage_wire

# What the columns and their indexes take; a longer name must not hold everybody's batch up.
OPERATION_AT_MOST = 255
_CODE_AT_MOST = 40
_MINUTE_US = 60_000_000
_SHADOW = "shadow"  # begins the codes of cells that are no calls: `shadow/<kind>/<what it would have done>`
_OF_SIDES = ("hour", "day")


class _Place:
    """What events of one minute have in common: gateway and context. What they differ by is counted here.

    Shapes: ends hold calls and bytes by status, or by (status, code) where a code is told; buckets hold calls.
    """

    __slots__ = ("buckets", "ends", "latest")

    def __init__(self) -> None:
        self.ends: dict[int | tuple[int, str], list[int]] = {}
        self.buckets: dict[int, int] = {}
        self.latest = 0


_Places = dict[tuple[str, usage_wire.UsageContext], _Place]


@dataclass(slots=True)
class Counted:
    """The sums of one environment, by minute. Those of events are there once `finish` was called.

    Shapes: calls by (minute, version, operation, application, subscription, status, code); the values of
    bands.SUMS by (minute, version, operation, application, first bucket); shadows by (minute, version, operation, "",
    kind, done); sides by (minute, side, identifier); last_used in microseconds since the epoch, by credential; plans
    hold the plan version of a subscription that was met first, replanned what of calls was made under another one, by
    their dimensions and that version.
    """

    calls: Sums = field(default_factory=dict)
    latencies: Sums = field(default_factory=dict)
    shadows: Sums = field(default_factory=dict)
    sides: Sums = field(default_factory=dict)
    last_used: dict[str, int] = field(default_factory=dict)
    plans: dict[str, str] = field(default_factory=dict)
    replanned: Sums = field(default_factory=dict)
    _minutes: dict[int, _Places] = field(default_factory=dict)

    def add_events(self, events: Iterable[usage_wire.UsageEvent], gateway_id: str) -> None:
        """Count calls of identified callers to a gateway. Those of a sandbox are only a use of their key."""
        minutes: dict[int, tuple[_Places, dict[int, _Place]]] = {}
        until = 0
        of_minute: _Places = {}
        known: dict[int, _Place] = {}  # by the context as an object: equal ones of other batches are others
        for event in events:
            at_us, context = event.at_us, event.context
            if not until - _MINUTE_US <= at_us < until:
                minute = at_us // _MINUTE_US
                until = (minute + 1) * _MINUTE_US
                if minute not in minutes:
                    minutes[minute] = self._minutes.setdefault(minute, {}), {}
                of_minute, known = minutes[minute]
            place = known.get(id(context))
            if place is None:
                place = of_minute.get((gateway_id, context))
                if place is None:
                    place = of_minute[gateway_id, context] = _Place()
                known[id(context)] = place
            place.latest = max(place.latest, at_us)
            end = (event.status, event.code) if event.code else event.status
            row = place.ends.get(end)
            if row is None:
                place.ends[end] = [1, event.request_bytes, event.response_bytes]
            else:
                row[0] += 1
                row[1] += event.request_bytes
                row[2] += event.response_bytes
            if not event.is_indeterminate:
                bucket = bucket_of(event.duration_us)
                place.buckets[bucket] = place.buckets.get(bucket, 0) + 1

    def finish(self) -> None:
        """Make sums of what was told of events."""
        buckets: list[tuple[tuple[Any, ...], int]] = []
        for minute, places in self._minutes.items():
            for (gateway_id, context), place in places.items():
                self.last_used[context.credential] = max(place.latest, self.last_used.get(context.credential, 0))
                if is_twin(context.version_id):
                    continue
                self._add_calls(minute, gateway_id, context, place)
                dimensions = (minute, context.version_id, context.operation[:OPERATION_AT_MOST], context.application)
                buckets += [((*dimensions, bucket), count) for bucket, count in place.buckets.items()]
        self.latencies = in_bands(buckets)
        self._minutes = {}

    def add_cells(self, cells: Iterable[usage_wire.UsageCell], gateway_id: str) -> None:
        """Count calls of nobody to a gateway, and what policies in shadow would have done."""
        for cell in cells:
            if is_twin(cell.version_id):
                continue
            what, _, rest = cell.code.partition("/")
            minute, route = cell.minute // 60, cell.route[:OPERATION_AT_MOST]
            if what == _SHADOW and rest:
                kind, _, done = rest.rpartition("/")
                _add(self.shadows, (minute, cell.version_id, route, "", kind, done), (cell.count,))
                continue
            code = cell.code[:_CODE_AT_MOST]
            _add(self.calls, (minute, cell.version_id, route, "", "", cell.status, code), (cell.count, 0, 0))
            self._add_side((minute, SideRollup.GATEWAY, gateway_id), (cell.status, code), cell.count)

    def _add_calls(self, minute: int, gateway_id: str, context: usage_wire.UsageContext, place: _Place) -> None:
        operation = context.operation[:OPERATION_AT_MOST]
        key = (minute, context.version_id, operation, context.application, context.subscription)
        plan = context.plan if context.subscription else ""
        is_other = bool(plan) and self.plans.setdefault(context.subscription, plan) != plan
        for end, amounts in place.ends.items():
            status, code = end if isinstance(end, tuple) else (end, "")
            _add(self.calls, (*key, status, code), amounts)
            if is_other:
                _add(self.replanned, (*key, status, code, plan), amounts)
            self._add_side((minute, SideRollup.GATEWAY, gateway_id), (status, code), amounts[0])
            if context.credential:
                self._add_side((minute, SideRollup.CREDENTIAL, context.credential), (status, code), amounts[0])

    def _add_side(self, key: tuple[int, str, str], end: tuple[int, str], count: int) -> None:
        row = self.sides.get(key)
        if row is None:
            row = self.sides[key] = ends_of_nothing()
        add_end(row, *end, count)


def by_period(
    environment_id: str, minutes: Mapping[tuple[Any, ...], Sequence[int]]
) -> dict[tuple[Any, ...], Sequence[int]]:
    """The sums of each period, from those of (minute since the epoch, further dimensions), nearly in order.

    The minutes are summed first: there are fewer of them than exchanges, and each falls into three periods.
    """
    return _by_period(environment_id, sorted(minutes.items()), PERIODS)


def sides_by_period(
    environment_id: str, sides: Mapping[tuple[Any, ...], Sequence[int]]
) -> dict[tuple[Any, ...], Sequence[int]]:
    """The sums of SideRollup of hours and days, from those of minutes."""
    return _by_period(environment_id, sorted(sides.items()), _OF_SIDES)


def moment(at_us: int) -> datetime:
    """The moment so many microseconds after the epoch."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)


def _by_period(
    environment_id: str, ordered: Sequence[tuple[tuple[Any, ...], Sequence[int]]], periods: Iterable[str]
) -> dict[tuple[Any, ...], Sequence[int]]:
    sums: dict[tuple[Any, ...], Sequence[int]] = {}
    for period in sorted(periods):
        starts: dict[int, datetime] = {}
        for key, amounts in ordered:
            start = starts.get(key[0])
            if start is None:
                start = starts[key[0]] = start_of(period, moment(key[0] * _MINUTE_US))
            row = (period, start, environment_id, *key[1:])
            before = sums.get(row)
            sums[row] = amounts if before is None else [one + other for one, other in zip(before, amounts, strict=True)]
    return sums


def _add(sums: Sums, key: tuple[Any, ...], amounts: Sequence[int]) -> None:
    row = sums.get(key)
    if row is None:
        sums[key] = list(amounts)
    else:
        for place, amount in enumerate(amounts):
            row[place] += amount
