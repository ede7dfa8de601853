"""RateShares: this host's share of each rate, by how much each host's callers ask of it, reckoned anew each second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from gateway_sync.runtime.core.leases import shares_of
from gateway_sync.runtime.leased_cells import MOST_ASKING, LeasedCells

_Told = dict[bytes, int]
_QUIET_ROUNDS = 3  # without a call: then the subject is as any other again


class _Subject:
    """One subject's rate, by its cell."""

    __slots__ = ("asked", "demand", "of", "quiet")

    def __init__(self, of: bytes, asked: int) -> None:
        self.of, self.asked = of, asked
        self.demand = self.quiet = 0


class RateShares:
    """The rates that callers of this host asked for lately. Shapes: subjects by the offset of their cell."""

    def __init__(self) -> None:
        """None."""
        self._subjects: dict[int, _Subject] = {}
        self._asking: set[int] = set()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(_Told)

    def ask(self, offsets: Iterable[int]) -> None:
        """Calls asked for the rates of these cells."""
        self._asking.update(offsets)

    def asked(self, cells: LeasedCells) -> str:
        """What the other hosts are told, as text: what was asked since the last time, and half of what was before."""
        asking, self._asking = self._asking, set()
        for offset in asking:
            if offset not in self._subjects and len(self._subjects) < MOST_ASKING:
                of, asked = cells.asked(offset)
                self._subjects[offset] = _Subject(of, asked - 1)
        for offset, subject in list(self._subjects.items()):
            of, asked = cells.asked(offset)
            if of != subject.of or subject.quiet >= _QUIET_ROUNDS:
                cells.set_share(offset, subject.of, 0)
                del self._subjects[offset]
                continue
            fresh = max(0, asked - subject.asked)
            subject.quiet = 0 if fresh else subject.quiet + 1
            subject.demand, subject.asked = subject.demand // 2 + fresh, asked
        told = {subject.of: subject.demand for subject in self._subjects.values() if subject.demand}
        return self._encoder.encode(told).hex()

    def share(self, cells: LeasedCells, told: Sequence[object], others: int) -> None:
        """Set this host's shares by what the others told; one that told nothing asks for nothing."""
        read = [self._read(each) for each in told]
        for offset, subject in self._subjects.items():
            demands = [each.get(subject.of, 0) for each in read]
            demands += [0] * (others - len(demands))
            cells.set_share(offset, subject.of, shares_of([subject.demand, *demands])[0])

    def _read(self, told: object) -> _Told:
        try:
            return self._decoder.decode(bytes.fromhex(told.decode())) if isinstance(told, bytes) else {}
        except ValueError:
            return {}
