"""Sums of what was counted, made in memory: first by minute and what shares a context, then by the period.

Thousands of events share a few contexts, so they are counted by the context as an object; each text is looked at once.
"""

from __future__ import annotations

from collections import defaultdict
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


@dataclass(slots=True)
class Counted:
    """The sums of one environment, by minute.

    Shapes: calls by (minute, version, operation, application, subscription, status, code); the values of
    bands.SUMS by (minute, version, operation, application, first bucket); shadows by (minute, version, operation, "",
    kind, done); sides by (minute, side, identifier); last_used in microseconds since the epoch, by credential.
    """

    calls: Sums = field(default_factory=dict)
    latencies: Sums = field(default_factory=dict)
    shadows: Sums = field(default_factory=dict)
    sides: Sums = field(default_factory=dict)
    last_used: dict[str, int] = field(default_factory=dict)

    def add_events(self, events: Iterable[usage_wire.UsageEvent], gateway_id: str) -> None:
        """Count calls of identified callers to a gateway. Those of a sandbox are only a use of their key."""
        contexts: dict[int, usage_wire.UsageContext] = {}
        latest: dict[int, int] = {}
        calls: dict[tuple[int, int, int, str], list[int]] = {}
        buckets: dict[tuple[int, int, int], int] = defaultdict(int)
        for event in events:
            place = id(event.context)
            at_us = event.at_us
            if place not in contexts:
                contexts[place], latest[place] = event.context, at_us
            elif at_us > latest[place]:
                latest[place] = at_us
            minute = at_us // _MINUTE_US
            key = (minute, place, event.status, event.code)
            row = calls.get(key)
            if row is None:
                calls[key] = [1, event.request_bytes, event.response_bytes]
            else:
                row[0] += 1
                row[1] += event.request_bytes
                row[2] += event.response_bytes
            if not event.is_indeterminate:
                buckets[minute, place, bucket_of(event.duration_us)] += 1
        self._note_uses(contexts, latest)
        counted = {place: context for place, context in contexts.items() if not is_twin(context.version_id)}
        self._add_calls(counted, calls, gateway_id)
        self._add_latencies(counted, buckets)

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

    def _note_uses(self, contexts: Mapping[int, usage_wire.UsageContext], latest: Mapping[int, int]) -> None:
        for place, context in contexts.items():
            self.last_used[context.credential] = max(latest[place], self.last_used.get(context.credential, 0))

    def _add_calls(
        self,
        contexts: Mapping[int, usage_wire.UsageContext],
        calls: Mapping[tuple[int, int, int, str], Sequence[int]],
        gateway_id: str,
    ) -> None:
        for (minute, place, status, code), amounts in calls.items():
            context = contexts.get(place)
            if context is None:
                continue
            operation = context.operation[:OPERATION_AT_MOST]
            key = (minute, context.version_id, operation, context.application, context.subscription, status, code)
            _add(self.calls, key, amounts)
            self._add_side((minute, SideRollup.GATEWAY, gateway_id), (status, code), amounts[0])
            if context.credential:
                self._add_side((minute, SideRollup.CREDENTIAL, context.credential), (status, code), amounts[0])

    def _add_latencies(
        self, contexts: Mapping[int, usage_wire.UsageContext], buckets: Mapping[tuple[int, int, int], int]
    ) -> None:
        of_calls = (
            ((minute, context.version_id, context.operation[:OPERATION_AT_MOST], context.application, bucket), count)
            for (minute, place, bucket), count in buckets.items()
            if (context := contexts.get(place)) is not None
        )
        for key, sums in in_bands(of_calls).items():
            _add(self.latencies, key, sums)

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
