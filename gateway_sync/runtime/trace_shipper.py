"""TraceShipper: takes traces from the workers' rings and hands them to the control plane, and to a collector of spans.

Best effort, unlike usage: what cannot be delivered soon is dropped and counted, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown, ControlPlaneRefused
from gateway_sync.runtime.trace_ring import TraceRing, ring_path
from gateway_sync.trace_wire import (
    CONTENT_TYPE,
    MAX_BODY_BYTES,
    MAX_TRACES,
    CallTrace,
    decode_trace,
    encode_body,
)

logger = logging.getLogger(__name__)

EVERY_S = 1.0
LONGEST_PAUSE_S = 30.0
MOST_WAITING = 2000
MOST_A_RING = 200  # taken at a time; more are lost in the ring, whose worker counts them


class SpanSink(Protocol):
    """Who is told of exchanges that are part of a distributed trace."""

    def take(self, trace: CallTrace) -> None:
        """One such exchange."""


class TraceShipper:
    """Ships each second, while there is something to ship."""

    def __init__(self, folder: Path, control: ControlPlane, slots: int, spans: SpanSink | None = None) -> None:
        """folder is where the rings are. Those that cannot be had now are looked for again each time."""
        self._folder = folder
        self._control = control
        self._slots = slots
        self._spans = spans
        self._rings: dict[int, TraceRing] = {}
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._pause_s = EVERY_S
        self._is_complaining = False
        self._is_reading, self._is_shipping = threading.Lock(), threading.Lock()  # the last time may be beside another
        self.shipped = 0
        self.dropped = 0

    async def run(self) -> None:
        """For ever."""
        since_s = 0.0
        while True:
            await asyncio.sleep(EVERY_S)
            since_s += EVERY_S
            await asyncio.to_thread(self.read)
            if since_s >= self._pause_s:
                since_s = 0.0
                await asyncio.to_thread(self.ship)

    def lost(self) -> int:
        """Traces that were recorded and reached nobody."""
        return self.dropped + sum(ring.lost for ring in list(self._rings.values()))

    def waiting(self) -> int:
        """Traces that were read and are not delivered."""
        return len(self._waiting)

    def read(self) -> None:
        """Take what the workers left, at once for the collector, in line for the control plane."""
        with self._is_reading:
            for slot in range(self._slots):
                ring = self._rings.get(slot) or self._open(slot)
                for record in ring.read(MOST_A_RING) if ring is not None else ():
                    self.dropped += len(self._waiting) == MOST_WAITING
                    self._waiting.append(record)
                    if self._spans is not None:
                        self._tell(record, self._spans.take)

    def _open(self, slot: int) -> TraceRing | None:
        path = ring_path(self._folder, slot)
        if not path.exists():
            return None
        try:
            ring = self._rings[slot] = TraceRing(path)
        except OSError:
            return None
        return ring

    def _tell(self, record: bytes, take: Callable[[CallTrace], None]) -> None:
        try:
            trace = decode_trace(record)
        except ValueError:
            return  # damaged; the control plane will say so
        if trace.span is not None:
            take(trace)

    def ship(self) -> None:
        """Hand in what waits, unless that is under way. Errors: none; who is down is asked more and more seldom."""
        if not self._is_shipping.acquire(blocking=False):
            return
        try:
            while self._waiting:
                batch = self._next()
                try:
                    self._control.post("traces", encode_body(batch), content_type=CONTENT_TYPE)
                except ControlPlaneRefused as refusal:
                    if refusal.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
                        raise
                    self.dropped += len(batch)  # it will never take these
                    self._complain(refusal)
                else:
                    self.shipped += len(batch)
                    self._is_complaining = False
                for _ in batch:
                    self._waiting.popleft()
            self._pause_s = EVERY_S
        except ControlPlaneDown as error:
            self._complain(error)
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        finally:
            self._is_shipping.release()

    def ship_last(self) -> None:
        """Hand in what is there, for the gateway ends."""
        self.read()
        self.ship()

    def _next(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        for record in list(self._waiting):  # another thread may add to it
            size += len(record)
            if len(batch) == MAX_TRACES or (batch and size > MAX_BODY_BYTES // 2):
                break
            batch.append(record)
        return batch

    def _complain(self, error: Exception) -> None:
        if not self._is_complaining:
            logger.warning("traces were not taken: %s", error)
        self._is_complaining = True
