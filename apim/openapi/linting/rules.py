"""What a rule is, what it says of a document, and how a document switches it off."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from apim.openapi.contract import Contract, Node, Place, node, pointer_of

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


def severity_at(data: Node, at: Place, rule: Rule) -> Severity | None:
    """How severe the rule is at a place: the nearest `x-apim-lint` around it decides; None when it is off there."""
    severity: Severity | None = rule.severity
    value: object = data
    for step in ("", *pointer_of(at)):
        if step or value is not data:
            value = _child(value, step)
        wanted = node(node(value).get(SWITCH)).get(rule.id, "")
        if wanted is False or wanted == "off":
            severity = None
        elif wanted in SEVERITIES:
            severity = wanted
    return severity


def _child(value: object, step: str) -> object:
    if isinstance(value, dict):
        return value[step] if step in value else value.get(int(step)) if step.isdecimal() else None
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None
