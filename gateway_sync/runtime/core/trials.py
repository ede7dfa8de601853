"""Trials: whether who serves a state on trial does worse than those beside it, a worker or whole gateways. Pure.

Owns: what is compared with what, and who is believed. A service that fails for everybody, and a caller whose calls
fail anyhow, say nothing about a state: calls of one application to one version are compared with each other only, at
the same time. Nor does one caller among several, who may fail on purpose where a state is on trial. Callers who are not
known any more are missed among those who are.
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
CALLERS: Final = 2  # must do worse where there are several, and a tenth of all
PART_OF_CALLERS: Final = 10
PART_OF_CALLS: Final = 2  # or those who do worse make the half of the calls, beside it

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

    Shapes: known counts by version and application; refused by version those calls that were refused without knowing
    from whom they came.
    """

    known: dict[Kind, Tally] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    def count(self, kind: Kind, calls: int, *, is_failed: bool) -> None:
        """Add calls of a known kind."""
        self.known[kind] = self.known.get(kind, Tally()).plus(calls, calls * is_failed)

    def count_refused(self, version: str, calls: int) -> None:
        """Add calls of nobody known that were refused."""
        self.refused[version] = self.refused.get(version, 0) + calls

    def copy(self) -> Side:
        """As it is now, for who counts on meanwhile."""
        return Side(dict(self.known), dict(self.refused))

    def calls_of(self, version: str) -> int:
        """Calls of known callers."""
        return sum(tally.calls for (of, _), tally in self.known.items() if of == version)


class Fault(NamedTuple):
    """What is worse. Shapes: version "" = all together; expected is how many would have failed as beside it."""

    version: str
    calls: int
    failed: int
    expected: float


@dataclass
class _Caller:
    """What one application called. Shapes: more failed than were to be expected; beside are its calls beside it."""

    calls: int = 0
    more: float = 0.0
    beside: int = 0

    @property
    def is_worse(self) -> bool:
        return self.more > self.calls * WORSE_BY


@dataclass
class _Sum:
    calls: int = 0
    failed: int = 0
    expected: float = 0.0
    variance: float = 0.0
    callers: dict[str, _Caller] = field(default_factory=dict)

    def add(self, application: str, mine: Tally, beside: Tally) -> None:
        usual = (mine.failed + beside.failed) / (mine.calls + beside.calls)
        expected = mine.calls * beside.share
        self.calls += mine.calls
        self.failed += mine.failed
        self.expected += expected
        self.variance += mine.calls * usual * (1 - usual) * (1 + mine.calls / beside.calls)
        caller = self.callers.setdefault(application, _Caller())
        caller.calls += mine.calls
        caller.more += mine.failed - expected
        caller.beside += beside.calls

    def fault(self, version: str) -> Fault | None:
        more = self.failed - self.expected
        is_worse = more > self.calls * WORSE_BY and more > DEVIATIONS * sqrt(self.variance)
        is_told = self.calls >= ENOUGH_CALLS and is_worse and self._is_believed()
        return Fault(version, self.calls, self.failed, self.expected) if is_told else None

    def _is_believed(self) -> bool:
        """False when too few of several callers do worse: what they call may have been chosen to fail here."""
        worse = [caller for caller in self.callers.values() if caller.is_worse]
        are_many = len(worse) >= CALLERS and len(worse) * PART_OF_CALLERS >= len(self.callers)
        calls, all_calls = (sum(each.beside for each in some) for some in (worse, self.callers.values()))
        return are_many or calls * PART_OF_CALLS >= all_calls


def find_fault(mine: Side, beside: Side, usual: float) -> Fault | None:
    """What who is on trial does worse than those beside it, one version first; None = nothing that can be told.

    Shapes: usual = calls that the one had before, to one of the others.
    """
    everything, versions = _Sum(), dict[str, _Sum]()
    for kind, tally, other in _comparable(mine, beside):
        version, application = kind
        everything.add(application, tally, other)
        versions.setdefault(version, _Sum()).add(application, tally, other)
    return _first(
        (
            *(each.fault(version) for version, each in sorted(versions.items())),
            everything.fault(""),
            *(_missed(version, mine, beside, usual) for version in sorted(mine.refused)),
        )
    )


def _comparable(mine: Side, beside: Side) -> list[tuple[Kind, Tally, Tally]]:
    pairs = ((kind, tally, beside.known.get(kind, Tally())) for kind, tally in mine.known.items())
    return [(kind, tally, other) for kind, tally, other in pairs if other.calls >= ENOUGH_BESIDE]


def _missed(version: str, mine: Side, beside: Side, usual: float) -> Fault | None:
    """A version whose callers are not known any more: most of those to be expected are missing, and strangers refused.

    Refused strangers alone say nothing: anybody can be one, and come back over a connection that stays here.
    """
    expected, known = beside.calls_of(version) * usual, mine.calls_of(version)
    refused = mine.refused[version]
    more, missing = refused - beside.refused.get(version, 0) * usual, expected - known
    is_told = expected >= ENOUGH_CALLS and more >= ENOUGH_CALLS and missing > expected / 2 and more > missing / 2
    return Fault(version, known + refused, refused, refused - more) if is_told else None


def _first(found: Iterable[Fault | None]) -> Fault | None:
    return next((each for each in found if each is not None), None)


def words_of(fault: Fault, names: Mapping[str, tuple[str, str]], who: str, beside: str) -> str:
    """The fault in one sentence. Shapes: names are API and version by the version's id; who is on trial, who beside."""
    of = f" of {' '.join(names[fault.version])}" if fault.version in names else ""
    return (
        f"of {fault.calls} calls{of} {who} refused {fault.failed} or answered them with 5xx,"
        f" where {fault.expected:.0f} were to be expected by {beside}"
    )
