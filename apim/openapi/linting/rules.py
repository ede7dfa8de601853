"""What a rule is, what it says of a document, and how a document switches it off."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from apim.openapi.contract import Contract
from apim.openapi.references import is_index
from apim.openapi.values import Node, Place, node

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")
SWITCH = "x-apim-lint"

# One thing that a rule has looked at: where it stands, and what is wrong with it ("" when nothing is).
Verdict = tuple[Place, str]
Judge = Callable[[Contract], Iterator[Verdict]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A question to a document. Its judge's docstring is its documentation: first what is asked, then why."""

    id: str
    severity: Severity
    judge: Judge

    @property
    def theme(self) -> str:
        """The module the rule stands in."""
        return self.judge.__module__.rpartition(".")[2]

    @property
    def title(self) -> str:
        """What is asked of a document, in a line."""
        return (inspect.getdoc(self.judge) or "").split("\n", 1)[0]

    @property
    def reason(self) -> str:
        """Why it is asked."""
        return (inspect.getdoc(self.judge) or "").partition("\n\n")[2]

    @property
    def page(self) -> str:
        """Where the rule is explained, within the repository's documents."""
        return f"docs/reference/lint-rules.md#{self.id}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found at one place. Shapes: pointer as in RFC 6901; line counts from 1."""

    rule: str
    severity: Severity
    pointer: str
    line: int
    message: str


class Switches:
    """Every `x-apim-lint` of a document; each place is looked up once, however many rules ask."""

    def __init__(self, data: Node, rules: Iterable[Rule]) -> None:
        """What stands at the top holds for all. Shapes: rules are those that can be switched."""
        self._ids = frozenset(rule.id for rule in rules)
        self._known: dict[Place, tuple[object, Mapping[str, Severity | None]]] = {None: (data, self._within({}, data))}

    def severity(self, at: Place, rule: Rule) -> Severity | None:
        """How severe the rule is at a place: the nearest switch around it decides; None when it is off there."""
        return self._switched(at).get(rule.id, rule.severity)

    def _switched(self, at: Place) -> Mapping[str, Severity | None]:
        unknown = []
        while at not in self._known:
            unknown.append(at)
            at = at[0] if at is not None else None
        value, switched = self._known[at]
        for place in reversed(unknown):
            if place is not None:
                value = _child(value, place[1])
                switched = self._within(switched, value)
                self._known[place] = value, switched
        return switched

    def _within(self, around: Mapping[str, Severity | None], value: object) -> Mapping[str, Severity | None]:
        written = node(node(value).get(SWITCH))
        own: dict[str, Severity | None] = {}
        for name in self._ids & written.keys() if written else ():
            wanted = written[name]
            if wanted is False or wanted == "off":
                own[name] = None
            elif isinstance(wanted, str) and wanted in SEVERITIES:
                own[name] = wanted
        return {**around, **own} if own else around


def _child(value: object, step: str) -> object:
    if isinstance(value, dict):
        return value[step] if step in value else value.get(int(step)) if is_index(step) else None
    if isinstance(value, list) and is_index(step) and int(step) < len(value):
        return value[int(step)]
    return None
