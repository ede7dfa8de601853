"""Cells of limits that several hosts share: beside each cell of the map lies its lease, in a map of its own.

Workers spend what the supervisor leases for all of them; nothing here asks anybody. The head of the map says what is
known of the other hosts, and the lock of a cell holds for its lease.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway_sync.runtime.core.lease_parts import (
    ASKED,
    KEEPS,
    LEASE_LENGTH,
    SHARE,
    confirm,
    give_up,
    granted_at,
    take_grant,
    void_all,
)
from gateway_sync.runtime.core.leases import WHOLE, Contact, Want, charge_leased, settle_leased
from gateway_sync.runtime.core.limits import CELL_LENGTH, EXPIRES, FIRST_WINDOW, Charged, Terms
from gateway_sync.runtime.limit_cells import CELLS, Known, LimitCells

CELLS_FILE: Final = "limits.2.map"
LEASES_FILE: Final = "leases.2.map"
_KEY_BYTES: Final = 16
_CELL: Final = struct.Struct(f"=16s{CELL_LENGTH}q")
_LEASE: Final = struct.Struct(f"={LEASE_LENGTH}q")
_HEAD_BYTES: Final = 256
# Words of the head; behind them the name of the epoch that the leases are of.
_HELD_UNTIL, _IS_MADE, _SHARE, _HOSTS, _OFFSET_NS = range(5)
_EPOCH_AT: Final = 64
_EPOCH_BYTES: Final = 128
_EMPTY: Final = bytes(_KEY_BYTES)
_SCANNED_AT_ONCE: Final = 4096
MOST_ASKING: Final = 4096  # subjects of rates of which a worker tells in a second

# What is a host's of a window: (cell, position, start of the window, how much, when the cell has run out).
Count = tuple[bytes, int, int, int, int]
Found = tuple[int, bool, Count]  # (offset of the cell, is kept though nobody spends it, what is the host's)
# (offset of the cell, position, limit, end of the window, least, most, part), as leases.Want.
Wanted = tuple[int, int, int, int, int, int, int]


class LeasedCells(LimitCells):
    """The shared cells of this host with their leases. Errors: OSError, as LimitCells."""

    def __init__(self, home: Path, want: Callable[[list[Wanted]], None] | None = None) -> None:
        """want is told what charges would like to be granted, each time that they do."""
        super().__init__(home / CELLS_FILE, is_shared=True)
        descriptor = os.open(home / LEASES_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            size = _HEAD_BYTES + CELLS * _LEASE.size
            os.posix_fallocate(descriptor, 0, size)
            self._leases = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        self._head = memoryview(self._leases)[:_EPOCH_AT].cast("q")
        self._want = want
        self._contact = Contact()
        self.is_last_word = False  # who waited long enough is answered by what is held
        self.asking: set[int] = set()

    def charge(self, charges: Sequence[tuple[bytes, Terms]], now_ns: int, size: int = 0) -> Charged | None:
        """Count one request against all terms or none, by what this host was granted.

        Shapes: None when no cell is free; code leases.WANTED when the call is to come again once a lease is there.
        """
        now_ns += self._head[_OFFSET_NS]
        offsets: list[int] = []
        for key, _ in charges:
            offset = self._find(key, now_ns)
            if offset is None:
                return None
            offsets.append(offset)
        with self._all_locked(offsets):
            for offset, (key, _) in zip(offsets, charges, strict=True):
                if self._map[offset : offset + _KEY_BYTES] != key:
                    self._offsets.pop(key, None)
                    break
            else:
                return self._charge_locked(charges, offsets, now_ns, size)
        return self.charge(charges, now_ns - self._head[_OFFSET_NS], size)  # a cell was given away on the way here

    def _charge_locked(
        self, charges: Sequence[tuple[bytes, Terms]], offsets: list[int], now_ns: int, size: int
    ) -> Charged:
        terms = [each for _, each in charges]
        cells = [list(_CELL.unpack_from(self._map, offset)[1:]) for offset in offsets]
        leases = [list(_LEASE.unpack_from(self._leases, _lease_at(offset))) for offset in offsets]
        contact = self._look()
        decision = charge_leased(terms, cells, leases, contact, now_ns, size)
        for offset, (key, each), cell, lease in zip(offsets, charges, cells, leases, strict=True):
            _CELL.pack_into(self._map, offset, key, *cell)
            _LEASE.pack_into(self._leases, _lease_at(offset), *lease)
            if each.burst and len(self.asking) < MOST_ASKING:
                self.asking.add(offset)
        self._say_wants(decision.wants, offsets)
        return decision.charged

    def _say_wants(self, wants: list[Want], offsets: Sequence[int]) -> None:
        if wants and self._want is not None:
            self._want([(offsets[number], *rest) for number, *rest in wants])  # type: ignore[misc]

    def settle(self, charges: Iterable[tuple[bytes, Terms]], started_ns: int, before: Known, now: Known) -> None:
        """As of LimitCells; what is used up by that is asked for."""
        started_ns += self._head[_OFFSET_NS]
        for key, terms in charges:
            more = terms.owed(*now) - terms.owed(*before) if terms.is_settled else 0
            if not more or (offset := self._find(key, started_ns)) is None:
                continue
            wants: list[Want] = []
            with self._all_locked([offset]):
                owner, cell, lease = self._read(offset)
                if owner == key:  # no `continue` in here: mypyc compiles none
                    wants = settle_leased(terms, cell, lease, self._look(), started_ns, more)
                    _CELL.pack_into(self._map, offset, key, *cell)
                    _LEASE.pack_into(self._leases, _lease_at(offset), *lease)
            self._say_wants(wants, [offset])

    def _look(self) -> Contact:
        """What is known of the others now; read with the cells locked, so that what was voided is not spent."""
        head, contact = self._head, self._contact
        contact.is_held = time.monotonic_ns() < head[_HELD_UNTIL]
        contact.is_made = contact.is_held and bool(head[_IS_MADE]) and not self.is_last_word
        contact.share = head[_SHARE] or WHOLE
        contact.hosts = head[_HOSTS] or 1
        contact.offset_ns = head[_OFFSET_NS]
        return contact

    @contextmanager
    def _all_locked(self, offsets: Sequence[int]) -> Iterator[None]:
        locked = sorted(set(offsets))  # one order for all processes, so that two never wait for each other
        for offset in locked:
            self._lock(_CELL.size, offset)
        try:
            yield
        finally:
            for offset in locked:
                self._unlock(_CELL.size, offset)

    def _take(self, offset: int, key: bytes, now_ns: int) -> bool:
        if not super()._take(offset, key, now_ns):
            return False
        _LEASE.pack_into(self._leases, _lease_at(offset), *[0] * LEASE_LENGTH)
        return True

    # What the supervisor does.

    def note_contact(self, held_until_ns: int, *, is_made: bool) -> None:
        """Until when of the monotonic clock what is granted may be spent, and whether more can be asked for."""
        self._head[_HELD_UNTIL] = held_until_ns
        self._head[_IS_MADE] = int(is_made)

    def lose_contact(self) -> None:
        """Nobody can be asked; what is granted may be spent until its time is over."""
        self._head[_IS_MADE] = 0

    def begin(self, longest_ns: int) -> None:
        """Go on with what is on disk; a time that no word can have given is of a clock before the machine's start."""
        self.lose_contact()
        if self._head[_HELD_UNTIL] > time.monotonic_ns() + longest_ns:
            self._head[_HELD_UNTIL] = 0

    def note_hosts(self, *, share: int, hosts: int, offset_ns: int) -> None:
        """The share of rates, as many hosts as there may be, and how far this host's clock is behind."""
        self._head[_SHARE], self._head[_HOSTS], self._head[_OFFSET_NS] = share, hosts, offset_ns

    @property
    def is_in_contact(self) -> bool:
        """True while more can be asked for."""
        return self._look().is_made

    @property
    def epoch(self) -> str:
        """The epoch that what is granted here is of; "" = none."""
        return self._leases[_EPOCH_AT : _EPOCH_AT + _EPOCH_BYTES].rstrip(b"\0").decode()

    @epoch.setter
    def epoch(self, epoch: str) -> None:
        self._leases[_EPOCH_AT : _EPOCH_AT + _EPOCH_BYTES] = epoch.encode().ljust(_EPOCH_BYTES, b"\0")

    def look_at(self, offset: int, position: int) -> tuple[bytes, int, int, int]:
        """(cell, start of the window, used, granted) at a position."""
        with self._all_locked([offset]):
            key, cell, lease = self._read(offset)
        return key, cell[position], cell[position + 1], granted_at(cell, lease, position)

    def grant(
        self, place: tuple[int, int], of: bytes, start: int, told: tuple[int, int], *, least: int, is_kept: bool
    ) -> bool:
        """Put down what this host was granted in all, and all hosts; False when the cell is another's by now.

        Shapes: place = (offset, position); told = (this host's, everybody's), both from the start of the window; less
        than least is of no use.
        """
        offset, position = place
        with self._all_locked([offset]):
            key, cell, lease = self._read(offset)
            if key != of or cell[position] != start:
                return False
            take_grant(cell, lease, position, told, time.time_ns() + self._head[_OFFSET_NS], least)
            lease[KEEPS] = int(is_kept)
            _LEASE.pack_into(self._leases, _lease_at(offset), *lease)
        return True

    def confirm(self, offset: int, of: bytes, position: int, start: int, mine: int) -> None:
        """The mirror knows that this host was granted so much of a window."""
        with self._all_locked([offset]):
            key, cell, lease = self._read(offset)
            if key == of and confirm(cell, lease, position, start, mine):
                _LEASE.pack_into(self._leases, _lease_at(offset), *lease)

    def void(self, offset: int, position: int, keep: int = 0) -> tuple[bytes, int, int]:
        """Give up what is granted at a position and neither spent nor kept; (cell, start, what it is now)."""
        with self._all_locked([offset]):
            key, cell, lease = self._read(offset)
            kept = give_up(cell, lease, position, keep)
            _LEASE.pack_into(self._leases, _lease_at(offset), *lease)
        return key, cell[position], kept

    def void_all(self, now_s: int) -> Iterator[list[Found]]:
        """Give up all that is neither spent nor known to the mirror; the rest, of windows that may be open.

        Shapes: some cells at a time.
        """
        for offsets in self._taken():
            yield [found for offset in offsets for found in self._void_cell(offset, now_s)]

    def held(self, now_s: int) -> Iterator[list[Found]]:
        """What is granted here and not spent, as void_all gives it, and left as it is."""
        for offsets in self._taken():
            yield [found for offset in offsets for found in self._held_in(offset, now_s)]

    def _taken(self) -> Iterator[list[int]]:
        """The offsets of cells that somebody has, some at a time."""
        for first in range(0, CELLS, _SCANNED_AT_ONCE):
            offsets = [number * _CELL.size for number in range(first, min(first + _SCANNED_AT_ONCE, CELLS))]
            yield [offset for offset in offsets if self._map[offset : offset + _KEY_BYTES] != _EMPTY]

    def _void_cell(self, offset: int, now_s: int) -> list[Found]:
        with self._all_locked([offset]):
            key, cell, lease = self._read(offset)
            positions = void_all(cell, lease)
            if positions:
                _LEASE.pack_into(self._leases, _lease_at(offset), *lease)
        if cell[EXPIRES] < now_s:
            return []
        is_kept = bool(lease[KEEPS])
        return [(offset, is_kept, (key, at, cell[at], granted_at(cell, lease, at), cell[EXPIRES])) for at in positions]

    def _held_in(self, offset: int, now_s: int) -> list[Found]:
        with self._all_locked([offset]):
            key, cell, lease = self._read(offset)
        if cell[EXPIRES] < now_s:
            return []
        granted = [(at, granted_at(cell, lease, at)) for at in range(FIRST_WINDOW, CELL_LENGTH, 2)]
        is_kept = bool(lease[KEEPS])
        return [
            (offset, is_kept, (key, at, cell[at], most, cell[EXPIRES])) for at, most in granted if most > cell[at + 1]
        ]

    def _read(self, offset: int) -> tuple[bytes, list[int], list[int]]:
        """(key, cell, lease), with the lock held."""
        key, *cell = _CELL.unpack_from(self._map, offset)
        return key, cell, list(_LEASE.unpack_from(self._leases, _lease_at(offset)))

    def asked(self, offset: int) -> tuple[bytes, int]:
        """(cell, how many calls of it asked for its rate so far)."""
        lease = _LEASE.unpack_from(self._leases, _lease_at(offset))
        return self._map[offset : offset + _KEY_BYTES], lease[ASKED]

    def set_share(self, offset: int, of: bytes, share: int) -> bool:
        """Give a subject's rate this share, 0 = as everybody; False when the cell is another's by now."""
        with self._all_locked([offset]):
            if self._map[offset : offset + _KEY_BYTES] != of:
                return False
            struct.pack_into("=q", self._leases, _lease_at(offset) + 8 * SHARE, share)
        return True


def _lease_at(offset: int) -> int:
    """Where the lease of the cell at an offset is."""
    return _HEAD_BYTES + offset // _CELL.size * _LEASE.size
