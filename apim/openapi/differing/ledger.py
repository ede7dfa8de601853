"""What was found so far: each change once, with the operations it touches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from apim.openapi.differing.kinds import BY_ID, Direction, Impact
from apim.openapi.differing.work import CHANGES, NAMES, Work
from apim.openapi.values import Place, pointer_of


@dataclass(frozen=True, slots=True)
class Found:
    """A change that is not located yet. Shapes: kind of kinds.KINDS; where = its place before and after."""

    kind: str
    message: str
    where: tuple[Place, Place]


@dataclass(slots=True)
class Entry:
    """A change, what it does to callers, and the operations it touches."""

    found: Found
    impact: Impact
    operations: dict[str, None] = field(default_factory=dict)


class Ledger:
    """The changes, in the order in which they were found."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._entries: dict[tuple[Found, Impact], Entry] = {}

    def add(self, found: Found, operation: str = "", direction: Direction = "request") -> None:
        """Notes a change; one that is known gains the operation."""
        self.add_all(found, (operation,) if operation else (), direction)

    def add_all(self, found: Found, operations: Collection[str], direction: Direction = "request") -> None:
        """Notes a change; one that is known gains the operations. They are left out when there are too many."""
        impact = BY_ID[found.kind].impact(direction)
        if not self._work.take(1, CHANGES):
            return
        entry = self._entries.setdefault((found, impact), Entry(found, impact))
        if self._work.take(1 + len(operations) // 4, NAMES):
            entry.operations |= dict.fromkeys(operations)

    @property
    def entries(self) -> list[Entry]:
        """All that was noted."""
        return list(self._entries.values())


def label_of(at: Place) -> str:
    """How people name a place within a schema: `Account.iban`, `body.items[]`, `answer 200`."""
    steps = list(pointer_of(at))
    name = ""
    while steps:
        step = steps.pop(0)
        if step in {"properties", "schemas", "parameters", "responses", "headers", "patternProperties"} and steps:
            inner = steps.pop(0)
            own = {"responses": f"answer {inner}", "parameters": "parameter"}.get(step, inner)
            name = f"{name}.{own}" if name and step in {"properties", "patternProperties", "headers"} else own
        elif step == "requestBody":
            name = "body"
        elif step == "items":
            name = f"{name}[]"
    return name or "value"
