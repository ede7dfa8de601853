"""How much a comparison may look at: units of work, the same for the same documents, however fast the machine is."""

from __future__ import annotations

from typing import Any, Final

from apim.openapi.values import same

# A unit is a few microseconds. Two of GitHub's documents, 13 MB each, take 270,000.
WORK_AT_MOST: Final = 900_000
SCHEMAS: Final = "Some schemas"
OPERATIONS: Final = "Parts of some operations"
CHANGES: Final = "Some changes"
NAMES: Final = "Which operations some changes touch"
# What is kept back for what comes later: changes that were found are told.
_KEPT: Final = {SCHEMAS: 250_000, OPERATIONS: 250_000, NAMES: 50_000, CHANGES: 0}
_CHARACTERS_A_UNIT: Final = 64


class Work:
    """What is left to be spent. Once something was refused, what is smaller may still be taken."""

    def __init__(self) -> None:
        """Nothing is spent. Shapes: skipped = what was refused, as sentences, each once."""
        self.left = WORK_AT_MOST
        self.skipped: dict[str, None] = {}
        self._known: dict[int, tuple[object, str]] = {}  # texts of what stands in the documents, by identity

    def take(self, units: int, what: str) -> bool:
        """True when there is enough left, which is then spent; else what is noted."""
        if units > self.left - _KEPT[what]:
            self.skipped[f"{what}: comparing all takes more than {WORK_AT_MOST:,} steps."] = None
            return False
        self.left -= units
        return True

    def is_same(self, one: Any, other: Any) -> bool:
        """True for equal values, as values.same has it."""
        if one is None or isinstance(one, str):
            return type(one) is type(other) and bool(one == other)
        return self._text(one) == self._text(other)

    def _text(self, value: object) -> str:
        if not isinstance(value, dict | list):
            return same(value)
        if id(value) not in self._known:
            written = same(value)
            self.left -= len(written) // _CHARACTERS_A_UNIT
            self._known[id(value)] = value, written  # the value too: its identity must stay its own
        return self._known[id(value)][1]
