"""Calls of a topology's key until its quota is used up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from benchmarks.topology import GATEWAYS, Topology
from tests.fault.calling import Caller

CALLERS = 3  # of each gateway


class Spent:
    """What was answered so far."""

    def __init__(self, place: Topology) -> None:
        """Nothing."""
        self._place = place
        self.statuses = Counter[int]()

    def call(self, calls: int, gateways: Sequence[str] = GATEWAYS) -> Counter[int]:
        """The statuses of so many more calls, at these gateways at once."""
        is_enough = threading.Event()
        is_enough.set()
        share = calls // (len(gateways) * CALLERS)
        key, place = self._place.key, self._place
        callers = [
            Caller(place.ports[name], share, is_enough, key=key, host=place.machines.address_of(name))
            for name in gateways
            for _ in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        answered = Counter(status for caller in callers for _, status in caller.completed)
        self.statuses += answered
        return answered

    def call_until_refused(self) -> None:
        """Call until nothing is left, or what is left cannot be confirmed."""
        self._place.wait_until(lambda: self.call(60)[200] == 0, "no call passes")
