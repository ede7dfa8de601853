"""The two sides of a run of kills: what clients received, and what the database counted; pure.

Shapes: calls are numbered from 0 and named by their number in X-Request-Id. What must not be is a sentence in `faults`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

# NOBODYS and UNHEARD are of calls without a caller, which are only summed: one that was answered, and one that broke.
OPEN, WHOLE, BROKEN, SHED, NOBODYS, UNHEARD = range(6)
NAME = "kill-"
MOST_FAULTS = 20
_OK = 200


@dataclass(slots=True)
class KindOfProcess:
    """A row of the table: what came of the kills of one kind of process.

    Shapes: in_flight = calls that were open and broke; of these indeterminate were noted as such, cut had been answered
    and counted when the way to the client ended; missing and doubled are those of calls from this kill to the next.
    """

    kills: int = 0
    in_flight: int = 0
    indeterminate: int = 0
    cut: int = 0
    missing: int = 0
    doubled: int = 0


@dataclass(slots=True)
class Seen:
    """One usage record of a call."""

    number: int
    status: int
    is_indeterminate: bool


@dataclass
class Tally:
    """All calls of a run. The kill of a call is the last one before its end; -1 before the first."""

    ends: bytearray = field(default_factory=bytearray)
    kinds: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _kills: array[int] = field(default_factory=lambda: array("i"))

    def asked(self) -> int:
        """The number of a call that is about to be sent."""
        self.ends.append(OPEN)
        self._kills.append(-1)
        return len(self.ends) - 1

    def ended(self, number: int, end: int) -> None:
        """A client has the whole answer, a refusal for overload, or knows that it gets none."""
        self.ends[number] = end
        self._kills[number] = len(self.kinds) - 1

    def killed(self, kind: str) -> None:
        """A process of this kind is killed now."""
        self.kinds.append(kind)

    def fault(self, sentence: str) -> None:
        """Note what must not be."""
        self.counts["faults"] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(sentence)

    def whole(self) -> int:
        """How many answers were received completely."""
        return self.ends.count(WHOLE)

    def nobodys(self) -> int:
        """How many answers were received completely by calls without a caller."""
        return self.ends.count(NOBODYS)

    def judge_nobodys(self, counted: int) -> None:
        """Note when the sum of calls without a caller is not theirs; one that broke may have been counted."""
        least = self.nobodys()
        most = least + self.ends.count(UNHEARD)
        if not least <= counted <= most:
            self.fault(f"calls without a caller sum up to {counted}; {least} to {most} were made")

    def missing(self, records: Iterable[Seen]) -> int:
        """How many answers that were received completely have no record yet."""
        counted = {record.number for record in records if not record.is_indeterminate}
        return sum(end == WHOLE and number not in counted for number, end in enumerate(self.ends))

    def compare(self, records: Iterable[Seen]) -> dict[str, dict[str, int]]:
        """The table by kind of process; faults has what is missing, doubled or of nobody."""
        finals, lost = bytearray(len(self.ends)), bytearray(len(self.ends))
        for record in records:
            if not 0 <= record.number < len(self.ends):
                self.fault(f"a record of no call: {record}")
            elif record.is_indeterminate:
                lost[record.number] = min(lost[record.number] + 1, 9)
            else:
                finals[record.number] = min(finals[record.number] + 1, 9)
                if self.ends[record.number] == WHOLE and record.status != _OK:
                    self.fault(f"a record that is not as the answer: {record}")
        table: dict[str, KindOfProcess] = {}
        for kind in self.kinds:
            table.setdefault(kind, KindOfProcess()).kills += 1
        for number, end in enumerate(self.ends):
            kill = self._kills[number]
            row = table.setdefault(self.kinds[kill] if kill >= 0 else "before the first", KindOfProcess())
            if end == OPEN:
                self.fault(f"no end of call {number}")
            self._judge(number, (finals[number], lost[number]), row)
        return {kind: asdict(row) for kind, row in sorted(table.items())}

    def _judge(self, number: int, counted: tuple[int, int], row: KindOfProcess) -> None:
        """Add a call to its row; counted tells how often it was, and how often it is indeterminate."""
        finals, lost = counted
        end = self.ends[number]
        if end == BROKEN:
            row.in_flight += 1
            row.indeterminate += lost
            row.cut += finals
        if end in (NOBODYS, UNHEARD) and finals + lost:
            self.fault(f"call {number} without a caller has a record")
        if finals + lost > 1:
            row.doubled += 1
            self.fault(f"call {number} was counted {finals} times and is indeterminate {lost} times")
        if end == WHOLE and not finals:
            row.missing += 1
            self.fault(f"call {number} was answered and not counted; it is indeterminate {lost} times")


def total(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of parts of a run as those of one: numbers and tables summed, faults one after another."""
    told: dict[str, Any] = {"seeds": [part["seed"] for part in parts]}
    names = dict.fromkeys(name for part in parts for name, figure in part.items() if isinstance(figure, int | float))
    for name in names:
        if name not in {"seed", "calls a second"}:
            told[name] = round(sum(part.get(name, 0) for part in parts), 1)
    told["calls a second"] = round(told.get("calls", 0) / max(told.get("seconds", 0), 1))
    by_kind: dict[str, Counter[str]] = {}
    for part in parts:
        for kind, row in part.get("by kind", {}).items():
            by_kind.setdefault(kind, Counter(dict.fromkeys(row, 0))).update(row)
    in_all: Counter[str] = Counter()
    for row in by_kind.values():
        in_all.update(row)
    told["by kind"] = {kind: dict(row) for kind, row in sorted(by_kind.items())}
    told["in all"] = dict(in_all)
    told["faults"] = [fault for part in parts for fault in part["faults"]]
    return told
