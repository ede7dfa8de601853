"""Meters: what of the traffic counts, and how much; pure sums over rows of usage.

A row is an hour's calls of one operation with one status. A call whose worker died in flight has status 0 and is never
counted: nobody knows what the caller got.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Protocol

from apim.pricing.faults import Fault, Fields

AGGREGATIONS = ("sum",)
SOURCES = ("requests", "bytes", "request-bytes", "response-bytes")
DEFAULT_WHERE = "status_class == 2"
FIELDS = ("organization", "displayName", "unit", "aggregation", "source", "where", "weights")

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<=": le, ">=": ge, "<": lt, ">": gt}
_CONDITION = re.compile(r"\s*([a-z_]+)\s*(==|!=|<=|>=|<|>)\s*(\"[^\"]*\"|'[^']*'|[^\s\"']+)\s*", re.ASCII)
_WHERE_HINT = 'Such as `status < 400`, `status_class == 2` or `method == "POST"`; several are joined by `and`.'
_NUMBERS = ("status", "status_class")
_TEXTS = ("method", "operation")
_WEIGHTS_AT_MOST = 1000
_HEAVIEST = 1_000_000
_PATTERN = re.compile(r"(?:[A-Z]+|\*) /\S*", re.ASCII)


class UsageRow(Protocol):
    """What a meter reads: calls of one operation (`GET /accounts/{id}`) that ended with one status."""

    @property
    def operation(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def calls(self) -> int: ...  # noqa: D102
    @property
    def request_bytes(self) -> int: ...  # noqa: D102
    @property
    def response_bytes(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a filter."""

    name: str
    comparison: str
    value: int | str

    def holds(self, row: UsageRow) -> bool:
        """True when the row passes."""
        method = row.operation.partition(" ")[0]
        found = {"status": row.status, "status_class": row.status // 100, "method": method, "operation": row.operation}
        return _COMPARISONS[self.comparison](found[self.name], self.value)


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """What a meter counts. Shapes: weights = {"POST /transfers": 5}, `*` stands for any text; 1 unless named."""

    unit: str = "call"
    source: str = "requests"
    where: str = DEFAULT_WHERE
    weights: Mapping[str, int] = field(default_factory=dict)
    aggregation: str = "sum"

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All of what a call must meet to count."""
        return _conditions(self.where)

    def as_document(self) -> dict[str, Any]:
        """The terms as a Meter document says them."""
        found: dict[str, Any] = {
            "unit": self.unit,
            "aggregation": self.aggregation,
            "source": self.source,
            "where": self.where,
        }
        return found | ({"weights": dict(self.weights)} if self.weights else {})


def parse_meter(spec: Mapping[str, Any]) -> tuple[MeterTerms | None, tuple[Fault, ...]]:
    """The terms in the `spec` of a Meter document, or every fault found."""
    faults: list[Fault] = []
    fields = Fields(spec, (), faults)
    fields.only(FIELDS)
    where = fields.text("where", default=DEFAULT_WHERE)
    if fault := where_fault(where):
        fields.fault("where", fault, _WHERE_HINT)
    terms = MeterTerms(
        unit=fields.text("unit", default="call"),
        source=fields.choice("source", SOURCES, default="requests"),
        where=where,
        weights=_read_weights(fields),
        aggregation=fields.choice("aggregation", AGGREGATIONS, default="sum"),
    )
    return (None if faults else terms), tuple(faults)


def meter_quantity(meter: MeterTerms, rows: Iterable[UsageRow]) -> Decimal:
    """How much the rows count for: a whole number."""
    conditions = meter.conditions
    total = 0
    for row in rows:
        if row.status and all(condition.holds(row) for condition in conditions):
            total += _amount(meter, row) * _weight(meter, row.operation)
    return Decimal(total)


def where_fault(text: str) -> str:
    """What is wrong with a filter; "" when nothing is."""
    try:
        _conditions(text)
    except ValueError as error:
        return str(error)
    return ""


def _amount(meter: MeterTerms, row: UsageRow) -> int:
    match meter.source:
        case "bytes":
            return row.request_bytes + row.response_bytes
        case "request-bytes":
            return row.request_bytes
        case "response-bytes":
            return row.response_bytes
    return row.calls


def _weight(meter: MeterTerms, operation: str) -> int:
    """The weight of the operation's own name, else of the first pattern that fits it, else 1."""
    if operation in meter.weights:
        return meter.weights[operation]
    return next((weight for pattern, weight in meter.weights.items() if _pattern(pattern).fullmatch(operation)), 1)


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    """As gateways read it, which stop at caps: `{*}` is a pass-through's own path, and no wildcard."""
    method, _, path = text.partition(" ")
    name = r"\S+" if method == "*" else re.escape(method)
    return re.compile(f"{name} {'.*'.join(map(re.escape, re.split(r'(?<!{)[*]', path)))}")


@lru_cache(maxsize=1024)
def _conditions(text: str) -> tuple[Condition, ...]:
    return tuple(_condition(part) for part in re.split(r"\band\b", text))


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text.strip()}` is no condition.")
    name, comparison, value = found[1], found[2], found[3].strip("\"'")
    if name in _TEXTS:
        if comparison not in {"==", "!="}:
            raise ValueError(f"`{name}` is compared by `==` or `!=`.")
        return Condition(name, comparison, value)
    if name not in _NUMBERS:
        raise ValueError(f"There is no `{name}` to filter by: {', '.join((*_NUMBERS, *_TEXTS))}.")
    digits = value.removesuffix("xx") if name == "status_class" else value
    if not digits.isascii() or not digits.isdigit():
        raise ValueError(f"`{value}` is no number.")
    return Condition(name, comparison, int(digits))


def _read_weights(fields: Fields) -> Mapping[str, int]:
    inside = fields.below("weights")
    if inside is None:
        return {}
    if len(inside.source) > _WEIGHTS_AT_MOST:
        fields.fault("weights", f"At most {_WEIGHTS_AT_MOST:,} weights.")
    found = {}
    for name in inside.source:
        if not _PATTERN.fullmatch(str(name)):
            inside.fault(str(name), f"`{name}` is no operation.", "A method or `*`, and a path: `POST /transfers`.")
            continue
        found[str(name)] = inside.count(name)
        if found[str(name)] > _HEAVIEST:
            inside.fault(name, f"A weight is at most {_HEAVIEST:,}.")
    return found
