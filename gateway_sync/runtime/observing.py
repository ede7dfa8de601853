"""Observer: looks at what the workers note in their spools, for metrics and logs; it costs the workers nothing.

Owns: reading beside the shipper, which deletes what it has delivered: a segment is mapped as soon as it is seen, and so
stays readable. Reads only while somebody wants to know: what was noted before is not told.
"""

from __future__ import annotations

import asyncio
import logging
import math
import mmap
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from gateway_sync.runtime.spool_format import (
    ADMIT,
    CELLS,
    CONTEXT,
    CONTEXT_HEAD,
    END,
    FINAL,
    FIRST_RECORD,
    HEADER,
    LOOK,
    READMIT,
    SEGMENT_BYTES,
    SEPARATOR,
    TAIL_BYTES,
)
from gateway_sync.usage_wire import ADMIT_HEAD, FINAL_BODY, UsageCell, UsageContext

logger = logging.getLogger(__name__)

EVERY_S = 0.5
WANTED_S = 900.0  # after somebody asked last

_CELLS = msgspec.msgpack.Decoder(tuple[int, list[UsageCell]])


class Seen(NamedTuple):
    """One exchange of an identified caller that ended. Units as in FINAL_BODY; admission is its ADMIT."""

    boot: str
    number: int
    status: int
    code: int
    duration_us: int
    upstream_us: int
    request_bytes: int
    response_bytes: int
    admission: bytes
    context: UsageContext | None


class Sink(Protocol):
    """Who is told."""

    def take(self, seen: Seen) -> None:
        """One exchange."""

    def take_cells(self, boot: str, cells: Sequence[UsageCell]) -> None:
        """Exchanges of one life of a worker without an identity."""

    def flush(self) -> None:
        """That was all for now."""


@dataclass
class _Segment:
    content: mmap.mmap
    offset: int = FIRST_RECORD
    is_ended: bool = False


@dataclass
class _Boot:
    """One life of a worker, as far as what comes next needs it."""

    name: str
    segments: dict[str, _Segment] = field(default_factory=dict)
    contexts: dict[int, UsageContext] = field(default_factory=dict)
    admitted: dict[int, bytes] = field(default_factory=dict)
    newest: str = ""  # of the segments that were mapped

    def forget_contexts(self) -> None:
        """Keep only those of exchanges in flight: a new segment notes its own."""
        used = {_context_of(admission) for admission in self.admitted.values()}
        self.contexts = {index: context for index, context in self.contexts.items() if index in used}


class Observer:
    """Reads on each half second, in a thread."""

    def __init__(
        self,
        folder: Path,
        live_boots: Callable[[], dict[str, int]],
        sinks: Sequence[Sink],
        *,
        is_always_wanted: bool = False,
    ) -> None:
        """Reads nothing before `want`, unless somebody always wants to know; then it misses nothing of a worker."""
        self._folder = folder
        self._live_boots = live_boots
        self._sinks = sinks
        self._boots: dict[str, _Boot] = {}
        self._is_following = is_always_wanted
        self._wanted_until = math.inf if is_always_wanted else 0.0
        self._is_reading = threading.Lock()

    def want(self, seconds: float = WANTED_S) -> None:
        """Go on reading for so long from now."""
        self._wanted_until = max(self._wanted_until, time.monotonic() + seconds)

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            if time.monotonic() < self._wanted_until:
                await asyncio.to_thread(self.read, self._live_boots())
            elif self._boots:
                self._boots, self._is_following = {}, False

    def read(self, live: dict[str, int]) -> None:
        """Tell the sinks what is new; of what was there at the first look only what later records need is kept."""
        with self._is_reading:
            self._read(live, self._sinks if self._is_following else ())

    def _read(self, live: dict[str, int], sinks: Sequence[Sink]) -> None:
        try:
            paths = sorted(self._folder.glob("*.spool"))
            if not self._is_following:  # of what waits for the control plane, only where each worker writes now
                paths = list({path.name.split(".")[0]: path for path in paths}.values())
            for path in paths:
                self._map(path, live)
            for boot in list(self._boots.values()):
                for name, segment in list(boot.segments.items()):
                    _read_segment(boot, segment, sinks)
                    if segment.is_ended:
                        del boot.segments[name]
                        boot.forget_contexts()
                if boot.name not in live:
                    del self._boots[boot.name]
        except (OSError, ValueError):
            logger.exception("a spool cannot be looked at")
        for sink in sinks:
            sink.flush()
        self._is_following = True

    def _map(self, path: Path, live: dict[str, int]) -> None:
        name, _, count, _ = path.name.split(".")
        if name not in live:
            return
        boot = self._boots.setdefault(name, _Boot(name))
        if count <= boot.newest:
            return
        try:
            with path.open("rb") as file:
                boot.segments[count] = _Segment(mmap.mmap(file.fileno(), SEGMENT_BYTES, access=mmap.ACCESS_READ))
                boot.newest = count
        except (FileNotFoundError, ValueError):
            return  # delivered and deleted, or not allocated, a moment ago


def _read_segment(boot: _Boot, segment: _Segment, sinks: Sequence[Sink]) -> None:
    content, look, final_of = segment.content, LOOK.unpack_from, FINAL_BODY.unpack_from
    offset, header, last = segment.offset, HEADER.size, SEGMENT_BYTES - TAIL_BYTES
    while offset <= last:
        length, crc, kind, number, _ = look(content, offset)
        start = offset + header
        end = start + length
        if not kind or end > SEGMENT_BYTES:
            break
        payload = content[start:end]
        if zlib.crc32(payload) != crc:
            break
        if kind == ADMIT:
            boot.admitted[number] = payload
        elif kind == FINAL:
            admission = boot.admitted.pop(number, None)
            if admission is not None and sinks:
                _, _, *ended = final_of(payload)
                seen = Seen._make((boot.name, number, *ended, admission, boot.contexts.get(_context_of(admission))))
                for sink in sinks:
                    sink.take(seen)
        elif kind == END:
            segment.is_ended = True
            break
        else:
            _take_rare(boot, kind, payload, sinks)
        offset = end
    segment.offset = offset


def _take_rare(boot: _Boot, kind: int, payload: bytes, sinks: Sequence[Sink]) -> None:
    if kind == CONTEXT:
        (index,) = CONTEXT_HEAD.unpack_from(payload)
        texts = payload[CONTEXT_HEAD.size :].decode(errors="replace").split(SEPARATOR)
        boot.contexts[index] = UsageContext(*texts)
    elif kind == READMIT:
        boot.admitted[ADMIT_HEAD.unpack_from(payload)[0]] = payload
    elif kind == CELLS:
        _, cells = _CELLS.decode(payload)
        for sink in sinks:
            sink.take_cells(boot.name, cells)


def _context_of(admission: bytes) -> int:
    return int(ADMIT_HEAD.unpack_from(admission)[2])


def admission_of(admission: bytes) -> tuple[int, str, str]:
    """(microseconds since the epoch, the client's request id, path) of an ADMIT."""
    _, at_us, _, id_length = ADMIT_HEAD.unpack_from(admission)
    texts = admission[ADMIT_HEAD.size :]
    return at_us, texts[:id_length].decode("latin-1"), texts[id_length:].decode("latin-1")
