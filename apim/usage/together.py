"""Batches that come at once are taken in together: the same sums are then written once for all of them.

A batch is about a second of one worker, and most of what it costs is its sums. While one transaction runs, those who
come wait; the next of them takes in what all of them brought. Who is alone waits for nobody.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from apim.usage.receiving import HandedIn
from apim.usage.services import ingest_all
from gateway_sync.usage_wire import MAX_RECORDS

RECORDS_AT_MOST = 10 * MAX_RECORDS  # of one transaction


class _Waiting:
    """A batch, and what became of it: nothing was taken in until error is None."""

    __slots__ = ("error", "handed_in", "is_done")

    def __init__(self, handed_in: HandedIn) -> None:
        self.handed_in = handed_in
        self.is_done = False
        self.error: Exception | None = RuntimeError("this process ended while the batch was taken in")


class Together:
    """Where the threads of one process meet."""

    def __init__(self, take: Callable[[Sequence[HandedIn]], None]) -> None:
        """take is all or nothing, as ingest_all."""
        self._take = take
        self._waiting: deque[_Waiting] = deque()
        self._turn = threading.Lock()

    def hand_in(self, handed_in: HandedIn) -> None:
        """Return once the batch is durable. Errors: those of taking in this batch alone."""
        mine = _Waiting(handed_in)
        self._waiting.append(mine)
        while not mine.is_done:
            with self._turn:
                if not mine.is_done:
                    self._take_next()
        if mine.error is not None:
            raise mine.error

    def _take_next(self) -> None:
        """What waited longest, as much as a transaction takes. One thread at a time."""
        those: list[_Waiting] = []
        records = 0
        while self._waiting and (
            not those or records + len(self._waiting[0].handed_in.batch.records) <= RECORDS_AT_MOST
        ):
            those.append(self._waiting.popleft())
            records += len(those[-1].handed_in.batch.records)
        try:
            self._take([each.handed_in for each in those])
        except Exception as error:  # noqa: BLE001 - whoever brought it is told
            self._take_one_by_one(those, error)
        else:
            for each in those:
                each.error = None
        finally:  # also when the process ends: then those who wait must not acknowledge
            for each in those:
                each.is_done = True

    def _take_one_by_one(self, those: Sequence[_Waiting], error: Exception) -> None:
        """One of them cannot be taken in: the others are."""
        if len(those) == 1:
            those[0].error = error
            return
        for each in those:
            try:
                self._take([each.handed_in])
            except Exception as own:  # noqa: BLE001 - as above
                each.error = own
            else:
                each.error = None


TOGETHER = Together(ingest_all)
