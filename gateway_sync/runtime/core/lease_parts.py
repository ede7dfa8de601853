"""Lease parts: what a lease puts down of each window, and what becomes of it as a host is granted more or gives up.

Beside each cell of limits lies a lease, integers as well: a part for each window, then what is known of the rate. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway_sync.runtime.core.limits import CELL_LENGTH, FIRST_WINDOW, NS

# Positions in a window's part of a lease: START is that of the window it is for; GRANTED counts from that start, as
# what the cell has used does; OTHERS is what was granted to the other hosts; nothing was left until DRY_UNTIL; LENT
# passed without a grant; SIZE is what came last; CONFIRMED is what of GRANTED is in the mirror.
START, GRANTED, OTHERS, DRY_UNTIL, LENT, SIZE, CONFIRMED = range(7)
_PART: Final = 7
_WINDOWS: Final = (CELL_LENGTH - FIRST_WINDOW) // 2
# Behind the windows' parts: the share of the rate in millionths, 0 = as everybody; how many calls asked for it; and 1
# where what is granted is kept though nobody spends it, for times when the others are not in reach.
SHARE: Final = _PART * _WINDOWS
ASKED: Final = SHARE + 1
KEEPS: Final = ASKED + 1
LEASE_LENGTH: Final = KEEPS + 1

DRY_NS: Final = NS  # as long nothing is asked for after the answer that nothing is left


def part_of(position: int) -> int:
    """Where the part of the window at a position of a cell begins in a lease."""
    return (position - FIRST_WINDOW) // 2 * _PART


def open_part(cell: Sequence[int], lease: list[int], position: int) -> None:
    """Begin a window's part anew when it is for an earlier window than the cell's."""
    part = part_of(position)
    if lease[part + START] != cell[position]:
        lease[part : part + _PART] = [cell[position], 0, 0, 0, 0, 0, 0]


def granted_at(cell: Sequence[int], lease: Sequence[int], position: int) -> int:
    """What the host was granted in all of the window at a position of its cell."""
    part = part_of(position)
    return lease[part + GRANTED] if lease[part + START] == cell[position] else 0


def take_grant(
    cell: Sequence[int], lease: list[int], position: int, told: tuple[int, int], now_ns: int, least: int = 1
) -> None:
    """Put down what the host was granted in all, and what all were. Shapes: told = (mine, everybody's)."""
    mine, total = told
    size = max(0, mine - granted_at(cell, lease, position))
    part = part_of(position)
    lent, confirmed = (lease[part + LENT], lease[part + CONFIRMED]) if lease[part + START] == cell[position] else (0, 0)
    dry_until = now_ns + DRY_NS if mine - cell[position + 1] < least else 0
    lease[part : part + _PART] = [cell[position], mine, total - mine, dry_until, lent, size, min(confirmed, mine)]


def confirm(cell: Sequence[int], lease: list[int], position: int, start: int, mine: int) -> bool:
    """The mirror knows that the host was granted so much; False for a window that is over."""
    part = part_of(position)
    if not lease[part + START] == cell[position] == start:
        return False
    lease[part + CONFIRMED] = mine
    return True


def give_up(cell: Sequence[int], lease: list[int], position: int, keep: int = 0) -> int:
    """What the host keeps of what it was granted: as much as it has spent, and so much more."""
    part = part_of(position)
    if lease[part + START] == cell[position]:
        lease[part + GRANTED] = min(lease[part + GRANTED], cell[position + 1] + keep)
        lease[part + CONFIRMED] = min(lease[part + CONFIRMED], lease[part + GRANTED])
        lease[part + SIZE] = 0
    return granted_at(cell, lease, position)


def void_all(cell: Sequence[int], lease: list[int]) -> list[int]:
    """Give up what was granted in an epoch that is over, but for what the mirror knows; where something is kept.

    What was used or is kept counts as granted from now on: it is said anew where the hosts meet.
    """
    kept: list[int] = []
    for position in range(FIRST_WINDOW, CELL_LENGTH, 2):
        part, used = part_of(position), cell[position + 1]
        is_open = lease[part + START] == cell[position]
        confirmed = min(lease[part + GRANTED], lease[part + CONFIRMED]) if is_open else 0
        granted = max(used, confirmed)
        lent = lease[part + LENT] if is_open else 0
        lease[part : part + _PART] = [cell[position], granted, 0, 0, lent, 0, confirmed]
        if granted:
            kept.append(position)
    return kept
