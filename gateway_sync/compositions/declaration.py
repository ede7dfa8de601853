"""Declaration: a composite operation as its owner means it, checked; and the form that snapshots hold.

Owns: the shapes, and writing them out again. Must not know: how they are read, how a gateway runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from gateway_sync.compositions.values import MISSING, Reference, Template, Text, ValueMissing, Values

SAFE_METHODS: Final = ("GET", "HEAD")
LONGEST_PAUSE_MS: Final = 2000  # between two tries of a compensation
FAIL, SKIP, DEFAULT = "fail", "skip", "default"
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
OPERATORS: Final = ("equals", "differs", "above", "atLeast", "below", "atMost", "exists")


@dataclass(frozen=True, slots=True)
class Condition:
    """A value and what it is compared with. Shapes: operator is one of OPERATORS."""

    value: Template
    operator: str
    other: Template

    def holds(self, values: Values) -> bool:
        """True or false, whatever the values are: what cannot be compared does not hold."""
        try:
            left, right = self.value.fill(values), self.other.fill(values)
        except ValueMissing:
            return False
        if self.operator == "exists":
            return (left is not MISSING and left is not None) is (right is True)
        if left is MISSING or right is MISSING:
            return False
        if self.operator in {"equals", "differs"}:
            return _is_equal(left, right) is (self.operator == "equals")
        first, second = _number(left), _number(right)
        if first is None or second is None:
            return False
        return {
            "above": first > second,
            "atLeast": first >= second,
            "below": first < second,
            "atMost": first <= second,
        }[self.operator]

    def dump(self) -> dict[str, object]:
        """As documents write it."""
        return {"value": self.value.source, self.operator: self.other.source}

    @property
    def words(self) -> str:
        """The condition as people read it."""
        names = {"atLeast": "at least", "atMost": "at most"}
        return f"{self.value.source} {names.get(self.operator, self.operator)} {_plain(self.other.source)}"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_equal(left: object, right: object) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float | Decimal) and isinstance(right, int | float | Decimal):
        return Decimal(str(left)) == Decimal(str(right))
    try:
        return left == right
    except RecursionError:  # of documents that are nested nearly as deeply as can be read
        return False


def _number(value: object) -> Decimal | None:
    """The number; a text that is written as one counts, for many services write amounts so."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None  # Python reads more as numbers, such as 1_0, than the services that read the same text
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a service. Shapes: service is `api/version`, "" = the version's own upstream; path begins with /.

    Units: timeout_ms until the whole answer is there.
    """

    method: str
    path: Text
    service: str
    query: tuple[tuple[str, Text], ...]
    headers: tuple[tuple[str, Text], ...]
    body: Template | None
    expect: tuple[str, ...]  # "201", "2xx"
    timeout_ms: int

    def expects(self, status: int) -> bool:
        """True for a status that counts as success."""
        return str(status) in self.expect or f"{status // 100}xx" in self.expect

    @property
    def references(self) -> Iterator[Reference]:
        """All placeholders of the call."""
        yield from self.path.references
        for _, text in (*self.query, *self.headers):
            yield from text.references
        if self.body is not None:
            yield from self.body.references

    def dump(self) -> dict[str, object]:
        """As documents write it."""
        found: dict[str, object] = {"call": f"{self.method} {self.path.source}"}
        if self.service:
            found["service"] = self.service
        for name, pairs in (("query", self.query), ("headers", self.headers)):
            if pairs:
                found[name] = {key: text.source for key, text in pairs}
        if self.body is not None:
            found["body"] = self.body.source
        return found | {"expect": list(self.expect), "timeout": f"{self.timeout_ms}ms"}


@dataclass(frozen=True, slots=True)
class Compensation:
    """The call that undoes a step, and how often it is tried."""

    call: Call
    attempts: int

    def dump(self) -> dict[str, object]:
        """As documents write it."""
        return self.call.dump() | {"attempts": self.attempts}


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What a failed step means. Shapes: way is FAIL, SKIP or DEFAULT; status 0 = that of `step-failed`."""

    way: str = FAIL
    default: object = None
    status: int = 0
    detail: str = ""

    def dump(self) -> object:
        """As documents write it."""
        if self.way == DEFAULT:
            return {"default": self.default}
        if self.way == FAIL and (self.status or self.detail):
            return {"fail": {"status": self.status, "detail": self.detail}}
        return self.way


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Shapes: after names the steps that end before it begins."""

    name: str
    call: Call
    after: tuple[str, ...]
    when: tuple[Condition, ...]
    require: tuple[Condition, ...]
    on_failure: OnFailure
    compensate: Compensation | None

    def dump(self) -> dict[str, object]:
        """As documents write it."""
        found: dict[str, object] = {"name": self.name, "after": list(self.after), **self.call.dump()}
        for name, conditions in (("when", self.when), ("require", self.require)):
            if conditions:
                found[name] = [condition.dump() for condition in conditions]
        found["onFailure"] = self.on_failure.dump()
        if self.compensate is not None:
            found["compensate"] = self.compensate.dump()
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """The one document that the caller gets."""

    status: int
    headers: tuple[tuple[str, Text], ...]
    body: Template | None

    def dump(self) -> dict[str, object]:
        """As documents write it."""
        found: dict[str, object] = {"status": self.status}
        if self.headers:
            found["headers"] = {name: text.source for name, text in self.headers}
        return found if self.body is None else {**found, "body": self.body.source}


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite operation. Shapes: operation is `POST /transfers`.

    Units: max_bytes is the most of the request's body, of each document sent, and of all answers together.
    """

    operation: str
    timeout_ms: int
    max_calls: int
    max_bytes: int
    steps: tuple[Step, ...]
    answer: Answer

    @property
    def longest_ms(self) -> int:
        """The longest that a call may take, undoing included."""
        undoing = (step.compensate for step in self.steps)
        return self.timeout_ms + sum(
            each.attempts * (each.call.timeout_ms + LONGEST_PAUSE_MS) for each in undoing if each is not None
        )

    def dump(self) -> dict[str, object]:
        """Complete, as documents write it; read_composite reads it back to an equal value."""
        return {
            "timeout": f"{self.timeout_ms}ms",
            "maxCalls": self.max_calls,
            "maxBytes": self.max_bytes,
            "steps": [step.dump() for step in self.steps],
            "answer": self.answer.dump(),
        }
