"""LeaseBooks: what this host holds of which windows, and what of it the control plane has yet to be told.

What nobody spends is given back after a while, or kept for times when the others are not in reach, until somebody needs
more than is left. Must not know: how it is asked for, who spends it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

from gateway_sync.runtime.lease_scripts import Names
from gateway_sync.runtime.leased_cells import Count, Found, LeasedCells

IDLE_ROUNDS: Final = 3  # of meeting, in which nothing was spent: then the rest is given back, or kept
TOLD_AT_ONCE: Final = 5_000
_ROUNDS_OF_KEEPING: Final = 60  # after so many, windows that are over are forgotten

Place = tuple[int, int]  # (offset of a cell, position)
Told = tuple[str, int, int, int, int]  # as a Count, the cell in hex


class _Held:
    """What this host has of one window that is spent now."""

    __slots__ = ("end", "idle", "is_kept", "of", "recent", "start", "used")

    def __init__(self, of: bytes, start: int, end: int, *, is_kept: bool) -> None:
        self.of, self.start, self.end = of, start, end
        self.is_kept = is_kept
        self.used = -1
        self.idle = self.recent = 0  # recent = what was spent since the last meeting


class LeaseBooks:
    """What is held, kept and untold."""

    def __init__(self) -> None:
        """Empty."""
        self._held: dict[Place, _Held] = {}
        self._kept: dict[str, tuple[Place, int]] = {}  # by the window's name; with its end
        self._untold: dict[tuple[str, int, int], tuple[int, int, int]] = {}  # (how much, end, offset)
        self._rounds = 0

    # What is held.

    def grant(self, place: Place, count: Count, *, is_kept: bool) -> None:
        """So much of a window is this host's now."""
        of, position, start, _, end = count
        held = self._held.get(place)
        if held is None or (held.of, held.start) != (of, start):
            self._held[place] = _Held(of, start, end, is_kept=is_kept)
            self._kept.pop(Names.window(of, position, start), None)
        self.note(place[0], count)

    def begin(self) -> None:
        """Nothing is held."""
        self._held.clear()
        self._kept.clear()

    def find(self, found: Iterable[Found]) -> None:
        """Take down what is held already, from before a restart or from an epoch that is over."""
        for offset, is_kept, (of, position, start, _, end) in found:
            self._held[offset, position] = _Held(of, start, end, is_kept=is_kept)

    def idle(self, cells: LeasedCells) -> list[Place]:
        """Where nothing was spent for a while and nothing is kept; windows that are over are forgotten."""
        found = []
        for place, held in list(self._held.items()):
            of, start, used, granted = cells.look_at(*place)
            if (of, start) != (held.of, held.start):
                del self._held[place]
                continue
            held.recent = max(0, used - held.used) if held.used >= 0 else used
            held.idle = held.idle + 1 if used == held.used else 0
            held.used = used
            if held.idle < IDLE_ROUNDS:
                continue
            if granted > used and not held.is_kept:
                found.append(place)
                continue
            del self._held[place]
            if granted > used:
                self._kept[Names.window(of, place[1], start)] = place, held.end
        self._forget_what_is_over()
        return found

    def _forget_what_is_over(self) -> None:
        self._rounds += 1
        if self._rounds % _ROUNDS_OF_KEEPING == 0:
            now_s = time.time()
            self._kept = {name: (place, end) for name, (place, end) in self._kept.items() if end > now_s}

    def recalled(self, names: Sequence[str]) -> list[tuple[Place, int]]:
        """Of windows that others need: (where, what to keep there), twice of what was spent since the last meeting."""
        if not names:
            return []
        places = {Names.window(held.of, place[1], held.start): place for place, held in self._held.items()}
        found: list[tuple[Place, int]] = []
        for name in names:
            if name in places:
                found.append((places[name], 2 * self._held[places[name]].recent))
            elif name in self._kept:
                place, end = self._kept.pop(name)
                of, _, start = name.split(":")
                self._held[place] = _Held(bytes.fromhex(of), int(start), end, is_kept=True)
                found.append((place, 0))
        return found

    def everywhere(self) -> list[Place]:
        """All places where something is held."""
        return [*self._held, *(place for place, _ in self._kept.values())]

    def give_back(self, place: Place, count: Count, *, is_all: bool) -> bool:
        """True when a window whose rest was given up is one that was held; what is left of it is to be told."""
        of, position, start, kept, _ = count
        name = Names.window(of, position, start)
        held = self._held.get(place)
        if held is not None and (held.of, held.start) == (of, start):
            end = held.end
        elif self._kept.get(name, (None, 0))[0] == place:
            end = self._kept[name][1]
        else:
            return False
        if is_all:
            self._held.pop(place, None)
            self._kept.pop(name, None)
        self.note(place[0], (of, position, start, kept, end))
        return True

    # What is told.

    def note(self, offset: int, count: Count) -> None:
        """Have the control plane told how much of a window is this host's."""
        of, position, start, mine, end = count
        self._untold[of.hex(), position, start] = mine, end, offset

    def untold(self) -> list[Told]:
        """What a report tells now."""
        some = list(self._untold.items())[:TOLD_AT_ONCE]
        return [(*name, mine, end) for name, (mine, end, _) in some]

    def noted(self, told: Iterable[Told], cells: LeasedCells) -> None:
        """The control plane has these down: nobody will be granted them beside this host."""
        for of, position, start, mine, end in told:
            known = self._untold.get((of, position, start))
            if known is not None and known[:2] == (mine, end):
                del self._untold[of, position, start]
                cells.confirm(known[2], bytes.fromhex(of), position, start, mine)
