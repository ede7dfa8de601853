"""What a check says: a colour, a sentence, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """Shapes: green = fine; amber = look at it; red = mend it."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Shapes: command is for a shell on the machine that apim runs on, page a path of this site; "" = none."""

    colour: Colour
    text: str
    command: str = ""
    page: str = ""


def green(text: str) -> Verdict:
    """All is well."""
    return Verdict(Colour.GREEN, text)


def amber(text: str, *, command: str = "", page: str = "") -> Verdict:
    """It works, and somebody should look at it."""
    return Verdict(Colour.AMBER, text, command, page)


def red(text: str, *, command: str = "", page: str = "") -> Verdict:
    """It does not work."""
    return Verdict(Colour.RED, text, command, page)
