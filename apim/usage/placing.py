"""Placing: what a gateway with a wrong clock counted, at a moment that sums and records can have.

The moment of a call is its gateway's word. One that is off by years would make sums and records that no page shows and
no purge lets go of. Such calls count, and are billed, at the moment they came; what else is told of them stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from gateway_sync import usage_wire

AHEAD: Final = timedelta(days=1)
BEHIND: Final = timedelta(days=400)  # sums by the day are kept as long at least
_SECOND_US: Final = 1_000_000
_MINUTE_S: Final = 60

_Told = TypeVar("_Told", usage_wire.UsageEvent, usage_wire.UsageCell)
_AT_US: Final[Callable[[Any], int]] = attrgetter("at_us")
_MINUTE: Final[Callable[[Any], int]] = attrgetter("minute")


def placed(batch: usage_wire.UsageBatch, now: datetime) -> tuple[usage_wire.UsageBatch, int]:
    """The batch with all moments within bounds, and how far off the farthest was, in seconds; 0 when all were."""
    now_s = int(now.timestamp())
    first_s, last_s = now_s - int(BEHIND.total_seconds()), now_s + int(AHEAD.total_seconds())
    seconds = [at_us // _SECOND_US for at_us in _ends(batch.records, _AT_US)]
    wrong = [each - now_s for each in (*seconds, *_ends(batch.cells, _MINUTE)) if not first_s <= each <= last_s]
    if not wrong:
        return batch, 0
    replace = msgspec.structs.replace
    records = [
        each if first_s <= each.at_us // _SECOND_US <= last_s else replace(each, at_us=now_s * _SECOND_US)
        for each in batch.records
    ]
    cells = [
        each if first_s <= each.minute <= last_s else replace(each, minute=now_s // _MINUTE_S * _MINUTE_S)
        for each in batch.cells
    ]
    return replace(batch, records=records, cells=cells), max(wrong, key=abs)


def _ends(those: Sequence[_Told], moment: Callable[[Any], int]) -> tuple[int, ...]:
    """The earliest and the latest moment; () of nothing."""
    return (min(map(moment, those)), max(map(moment, those))) if those else ()
