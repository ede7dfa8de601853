"""Work that goes on, round after round, while a test does something else beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Self

from tests.waiting import wait_until


class GoingOn:
    """Does a round after the other in a thread of its own, until the block ends or a round has found faults."""

    def __init__(self, name: str, work: Callable[[int], Iterable[str]]) -> None:
        """Not begun. Shapes: work is given the number of its round, from 0, and returns what went wrong."""
        self.rounds = 0
        self.faults: list[str] = []
        self._name, self._work = name, work
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def wait(self, rounds: int) -> None:
        """Return after so many more rounds, or at once when there are faults."""
        wanted = self.rounds + rounds
        wait_until(lambda: self.rounds >= wanted or not self._thread.is_alive(), f"{self._name} went on")

    def _run(self) -> None:
        while not self._is_over.is_set() and not self.faults:
            self.faults += self._work(self.rounds)
            self.rounds += 1
