"""Trials: whether the worker that serves a state on trial does worse than the workers beside it. Pure.

Owns: what is compared with what. A service that fails for everybody, and a caller whose calls fail anyhow, say nothing
about a state: calls of one application to one version are compared with each other only, at the same time. Callers who
are not known are compared as a whole, and with what the worker itself refused before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Final, NamedTuple

WORSE_BY: Final = 0.01  # of the calls, more than are to be expected
ENOUGH_CALLS: Final = 20  # on trial, before they say anything
ENOUGH_BESIDE: Final = 10  # of the same kind, to compare them with
DEVIATIONS: Final = 4.5  # it is asked again and again, of many versions: chance must be out of the question

Kind = tuple[str, str]  # version, application; "" = not known


class Tally(NamedTuple):
    """Shapes: failed are those refused or answered with 5xx."""

    calls: int = 0
    failed: int = 0

    @property
    def share(self) -> float:
        """Of the calls, those that failed."""
        return self.failed / self.calls if self.calls else 0.0

    def plus(self, calls: int, failed: int) -> Tally:
        """With so many more."""
        return Tally(self.calls + calls, self.failed + failed)


@dataclass
class Side:
    """What was counted on one side.

    Shapes: known counts by version and application; strangers are all calls, and of them those that were refused
    without knowing from whom they came.
    """

    known: dict[Kind, Tally] = field(default_factory=dict)
    strangers: Tally = field(default_factory=Tally)

    def count(self, kind: Kind, calls: int, *, is_failed: bool) -> None:
        """Add calls of a known kind."""
        self.known[kind] = self.known.get(kind, Tally()).plus(calls, calls * is_failed)
        self.strangers = self.strangers.plus(calls, 0)

    def count_refused(self, calls: int) -> None:
        """Add calls of nobody known that were refused."""
        self.strangers = self.strangers.plus(calls, calls)


class Fault(NamedTuple):
    """What is worse. Shapes: version "" = all together; expected is how many would have failed as beside it."""

    version: str
    calls: int
    failed: int
    expected: float


@dataclass
class _Sum:
    calls: int = 0
    failed: int = 0
    expected: float = 0.0
    variance: float = 0.0

    def add(self, mine: Tally, beside: Tally) -> None:
        usual = (mine.failed + beside.failed) / (mine.calls + beside.calls)
        self.calls += mine.calls
        self.failed += mine.failed
        self.expected += mine.calls * beside.share
        self.variance += mine.calls * usual * (1 - usual) * (1 + mine.calls / beside.calls)

    def fault(self, version: str) -> Fault | None:
        more = self.failed - self.expected
        is_worse = more > self.calls * WORSE_BY and more > DEVIATIONS * sqrt(self.variance)
        is_told = self.calls >= ENOUGH_CALLS and is_worse
        return Fault(version, self.calls, self.failed, self.expected) if is_told else None


def find_fault(mine: Side, beside: Side, refused_before: Tally) -> Fault | None:
    """What the worker on trial does worse than those beside it, one version first; None = nothing that can be told."""
    everything, versions = _Sum(), dict[str, _Sum]()
    for kind, tally in mine.known.items():
        other = beside.known.get(kind, Tally())
        if other.calls >= ENOUGH_BESIDE:
            everything.add(tally, other)
            versions.setdefault(kind[0], _Sum()).add(tally, other)
    return _first(
        (
            *(each.fault(version) for version, each in sorted(versions.items())),
            everything.fault(""),
            _of_strangers(mine.strangers, beside.strangers, refused_before),
        )
    )


def _of_strangers(mine: Tally, beside: Tally, before: Tally) -> Fault | None:
    """Who is refused by one worker all along, over a connection that stays there, was refused by it before as well."""
    usual = before if before.calls >= ENOUGH_BESIDE and before.share > beside.share else beside
    if usual.calls < ENOUGH_BESIDE:
        return None
    together = _Sum()
    together.add(mine, usual)
    return together.fault("") if mine.calls else None


def _first(found: Iterable[Fault | None]) -> Fault | None:
    return next((each for each in found if each is not None), None)


def words_of(fault: Fault, names: Mapping[str, tuple[str, str]]) -> str:
    """The fault in one sentence. Shapes: names are API and version by the version's id."""
    of = f" of {' '.join(names[fault.version])}" if fault.version in names else ""
    return (
        f"of {fault.calls} calls{of} the worker on trial refused {fault.failed} or answered them with 5xx,"
        f" where {fault.expected:.0f} were to be expected by the workers beside it"
    )
