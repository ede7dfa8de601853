"""Figures: calls by how they ended, and how long they took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from apim.usage.histogram import percentile_ms
from apim.usage.version_rollups import VersionRollup

ENDS = VersionRollup.ENDS
CALLS = tuple(end for end in ENDS if end != "lost")


class Ends(NamedTuple):
    """Calls by who ended them how, as VersionRollup names it. They add up."""

    answered: int = 0
    rejected: int = 0
    failed: int = 0
    refused: int = 0
    unreached: int = 0
    lost: int = 0

    @property
    def calls(self) -> int:
        """All but the lost ones."""
        return self.answered + self.rejected + self.failed + self.refused + self.unreached  # pages ask it of thousands

    @property
    def client_errors(self) -> int:
        """Answers of 400 to 499, the gateway's and the service's."""
        return self.rejected + self.refused

    @property
    def server_errors(self) -> int:
        """Answers of 500 and above, the gateway's and the service's."""
        return self.failed + self.unreached

    @property
    def client_share(self) -> float:
        """The part of the calls that ended in 4xx; 0 without calls."""
        calls = self.calls
        return (self.rejected + self.refused) / calls if calls else 0.0

    @property
    def server_share(self) -> float:
        """The part of the calls that ended in 5xx; 0 without calls."""
        calls = self.calls
        return (self.failed + self.unreached) / calls if calls else 0.0

    def __add__(self, other: Ends) -> Ends:  # type: ignore[override]  # sums, where tuples would be joined
        return Ends(  # written out: tables of everything add tens of thousands of them
            self.answered + other.answered,
            self.rejected + other.rejected,
            self.failed + other.failed,
            self.refused + other.refused,
            self.unreached + other.unreached,
            self.lost + other.lost,
        )

    def __sub__(self, other: Ends) -> Ends:
        return Ends(*(one - less for one, less in zip(self, other, strict=True)))


class Step(NamedTuple):
    """One step of a window."""

    at: datetime
    ends: Ends


@dataclass(frozen=True, slots=True)
class Spread:
    """How long calls took: calls by bucket of usage.histogram. Spreads add up (all_of); their percentiles do not."""

    buckets: Mapping[int, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many calls it holds."""
        return sum(self.buckets.values())

    def within(self, share: float) -> float | None:
        """The milliseconds that this share (0 to 1) of the calls stayed within; None without calls."""
        return percentile_ms(self.buckets, share)


def all_of(spreads: Iterable[Spread]) -> Spread:
    """How long the calls of all of them took."""
    sums: dict[int, int] = {}
    for spread in spreads:
        for bucket, calls in spread.buckets.items():
            sums[bucket] = sums.get(bucket, 0) + calls
    return Spread(sums)


class Group(NamedTuple):
    """What a table says of one value of a dimension. Shapes: key "" is the group of none."""

    key: str
    ends: Ends
    before: Ends

    @property
    def change(self) -> float | None:
        """By which share calls grew since the stretch before; None for what is new."""
        return change_of(self.ends.calls, self.before.calls)


def change_of(now: float | None, before: float | None) -> float | None:
    """By which share a figure grew; None where there is nothing to compare to."""
    return (now - before) / before if before and now is not None else None
