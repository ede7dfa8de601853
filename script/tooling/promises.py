"""Which tests hold a promise, as docs/explain/promises.md lists them: script/test --promise R5 B3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tooling.environment import ROOT, refuse

PAGE = ROOT / "docs" / "explain" / "promises.md"
_ENTRY = re.compile(r"^- ((?:[RBCH]\d+(?:, )?)+): (.*?)(?=^- |^#|\Z)", re.MULTILINE | re.DOTALL)
_STATED = re.compile(r"^\| ([RBCH]\d+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Held:
    """What one list says of some promises. Shapes: files are paths from the root, names those of single tests."""

    promises: tuple[str, ...]
    files: tuple[str, ...]
    names: tuple[str, ...]
    is_by_nothing: bool


def stated() -> list[str]:
    """The numbers of all promises that have lists, in the page's order."""
    return _STATED.findall(PAGE.read_text())


def held() -> list[Held]:
    """The lists, in the page's order."""
    return [
        Held(
            tuple(numbers.split(", ")),
            tuple(re.findall(r"`(tests/[^`]+\.py)`", text)),
            tuple(re.findall(r"`(test_\w+)`", text)),
            text.startswith("nothing"),
        )
        for numbers, text in _ENTRY.findall(PAGE.read_text())
    ]


def files(numbers: Sequence[str]) -> tuple[str, ...]:
    """The files whose tests hold these promises; ends the process with one sentence for a number without any."""
    found: dict[str, None] = {}
    for number in numbers:
        of_number = [path for each in held() if number in each.promises for path in each.files]
        if not of_number:
            refuse(f"No test holds {number}: docs/explain/promises.md says what each promise is held by.")
        found |= dict.fromkeys(of_number)
    return tuple(found)
