"""Faults: what is wrong in a document, first by its pointer, then with the line a person looks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import yaml
from django.utils.translation import gettext

from apim.catalog.operations import clean_text
from apim.openapi.positions import (
    NODES_AT_MOST,
    Pointer,
    TextPositions,
    json_tokens,
    pointer_text,
    repeated_keys,
    walk,
    yaml_tokens,
)
from apim.ui.said import said

PROBLEMS_AT_MOST = 200
_TEXT_AT_MOST = 2000


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """One fault, as revisions keep it.

    Shapes: pointer as in RFC 6901; line from 1, 0 = unknown; severity is error (a part is lost) or warning.
    """

    pointer: str
    line: int
    message: str
    severity: str
    hint: str = ""

    @property
    def sentence(self) -> str:
        """The message with its place."""
        told = said(self.message)
        if self.line:
            told = gettext("Line %(line)s: %(fault)s") % {"line": self.line, "fault": told}
        return f"{told} ({self.pointer})" if self.pointer else told


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, not yet located."""

    pointer: Pointer
    message: str
    severity: str = "error"
    hint: str = ""


def repeated_key_faults(text: str, format_name: str) -> list[Fault]:
    """Keys written twice in one mapping: parsers keep the last, and what the first said is lost without a word."""
    found: list[Fault] = []
    try:
        nodes = walk(json_tokens(text) if format_name == "json" else yaml_tokens(text))
        for pointer, first, line in islice(repeated_keys(islice(nodes, NODES_AT_MOST)), PROBLEMS_AT_MOST):
            used = f"what line {line} says is used, not line {first}" if first != line else "the last one is used"
            message = f"`{pointer[-1]}` is written twice; {used}."
            found.append(Fault(pointer, message, hint="Keep one of them."))
    except yaml.YAMLError:
        pass  # this scanner (YAML 1.1) is stricter than the parser that has read the text
    return found


def locate_faults(faults: Iterable[Fault], text: str, format_name: str) -> tuple[DocumentProblem, ...]:
    """The first faults, errors before warnings, with their lines; the last entry counts those left out."""
    by_pointer: dict[Pointer, Fault] = {}
    for fault in sorted(faults, key=lambda fault: fault.severity != "error"):
        by_pointer.setdefault(fault.pointer, fault)  # one place, one problem: the worst
    ordered = list(by_pointer.values())
    shown = ordered[:PROBLEMS_AT_MOST]
    lines = TextPositions(text, format_name).lines(fault.pointer for fault in shown)
    problems = [
        DocumentProblem(
            clean_text(pointer_text(fault.pointer), _TEXT_AT_MOST),
            lines[fault.pointer],
            clean_text(fault.message, _TEXT_AT_MOST),
            fault.severity,
            fault.hint,
        )
        for fault in shown
    ]
    if left := len(ordered) - len(shown):
        problems.append(DocumentProblem("", 0, f"{left:,} more problems are not shown.", "warning"))
    return tuple(problems)
