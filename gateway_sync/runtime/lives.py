"""Lives: how many records each life of a worker has noted, as the control plane is told, which compares what came.

Whoever hands usage in cannot tell of what was lost with the spool; this is told beside it, with the reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway_sync.runtime.slots import Slot

EVERY: Final = 5  # reports: each ten seconds, for it is compared after minutes
AT_MOST: Final = 200  # lives, the latest; the control plane remembers the others


class Lives:
    """The last number of each life of this supervisor's workers, and of those whose spools it found."""

    def __init__(self, slots: Sequence[Slot], read: Callable[[], Mapping[str, int]]) -> None:
        """Shapes: slots is the supervisor's own list; read tells the last number that was read of each spool."""
        self._slots = slots
        self._read = read
        self._last: dict[str, int] = {}
        self._until_told = 0

    def report(self) -> dict[str, object]:
        """What a report has of it: nothing in most."""
        self._note()
        if self._until_told:
            self._until_told -= 1
            return {}
        return {"boots": {boot: last for boot, last in self._last.items() if last}}

    def noted(self, told: Mapping[str, object]) -> None:
        """The control plane has taken this report."""
        if "boots" in told:
            self._until_told = EVERY - 1

    def _note(self) -> None:
        """Numbers only rise: a worker that ended may have noted more than was told, which its spool shows."""
        lives = [(slot.boot, slot.written) for slot in self._slots if slot.boot]
        for boot, last in (*lives, *self._read().items()):
            self._last[boot] = max(last, self._last.pop(boot, 0))
        for boot in list(self._last)[:-AT_MOST]:
            del self._last[boot]
