"""Shipper: reads the spools of all workers, living and dead, and hands them to the control plane.

Nothing is remembered on disk beside the spools: after a restart everything that is still there is sent again, and the
receiver stores each (boot, seq) once. A segment is deleted when all it holds is acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown
from gateway_sync.runtime.core.trace import trace_of
from gateway_sync.runtime.spool_format import (
    ADMIT,
    ADMIT_HEAD,
    CELLS,
    END,
    FIELD,
    FINAL,
    FINAL_BODY,
    FINAL_CODES,
    HEADER,
    SEGMENT_BYTES,
    Final,
    read_records,
    request_id_of,
)
from gateway_sync.usage_wire import MAX_RECORDS, UsageBatch, UsageCell, UsageEvent, decode_ack, encode_batch

logger = logging.getLogger(__name__)

EVERY_S = 0.5
LONGEST_PAUSE_S = 10.0
PORTION = 5_000  # events of one worker that are in memory at most; the rest waits on disk
LONGEST_RECORD = 131_072
HALF_FULL_SEGMENTS = 64  # warn when the disk has room for fewer

_CELLS = msgspec.msgpack.Decoder(tuple[int, list[UsageCell]])


@dataclass
class Segment:
    """One file of a spool: how far it was read, and what in it is not safe yet."""

    path: Path
    offset: int = 0
    is_ended: bool = False
    is_torn: bool = False
    open_numbers: set[int] = field(default_factory=set)
    last_seq: int = 0
    last_cells: int = 0


@dataclass
class Boot:
    """The spool of one life of a worker."""

    boot: str
    slot: int
    segments: dict[str, Segment] = field(default_factory=dict)
    admitted: dict[int, bytes] = field(default_factory=dict)
    events: list[UsageEvent] = field(default_factory=list)
    cells: list[tuple[int, list[UsageCell]]] = field(default_factory=list)
    seq: int = 0
    acked_seq: int = 0
    acked_cells: int = 0
    is_closed: bool = False


class Shipper:
    """Ships every half second, in batches of at most 1,000; a dead control plane costs nothing but disk."""

    def __init__(
        self, folder: Path, control: ControlPlane, live_boots: Callable[[], dict[str, int]], limit_bytes: int
    ) -> None:
        """live_boots tells the boots of workers that may still write; limit_bytes is what the spools may grow to."""
        self._folder = folder
        self.limit_bytes = limit_bytes
        self._control = control
        self._live_boots = live_boots
        self._boots: dict[str, Boot] = {}
        self._is_shipping = asyncio.Lock()
        self.indeterminate = 0
        self.shipped = 0
        self.torn = 0

    async def run(self) -> None:
        """For ever."""
        pause_s = EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = EVERY_S if await self.ship_once() else min(pause_s * 2, LONGEST_PAUSE_S)

    async def ship_once(self) -> bool:
        """Read what is new and send it, in portions until nothing is left; False when it was not taken."""
        async with self._is_shipping:
            has_more = True
            while has_more:
                try:
                    has_more = await asyncio.to_thread(self._read, self._live_boots())
                    for boot in list(self._boots.values()):
                        await self._ship(boot)
                        self._forget(boot)
                except (ControlPlaneDown, ValueError, OSError) as error:
                    logger.warning("usage was not taken: %s", error)
                    return False
            return True

    def pending(self) -> int:
        """Records that were read and are not safe at the control plane yet; more may wait on disk."""
        return sum(len(boot.events) for boot in list(self._boots.values()))

    def spool_bytes(self) -> int:
        """What the spools take on disk."""
        return sum(1 for _ in self._folder.iterdir()) * SEGMENT_BYTES

    def problems(self) -> dict[str, str]:
        """What is wrong with the spool, by code."""
        used = self.spool_bytes()
        free = shutil.disk_usage(self._folder).free
        shown = f"{used // 2**20} of {self.limit_bytes // 2**20} MiB are used, {free // 2**20} MiB are free on disk"
        found = {}
        if used + SEGMENT_BYTES > self.limit_bytes or free < SEGMENT_BYTES:
            found["spool.E002"] = f"The usage spool cannot grow: metered requests will be refused with 503. {shown}."
        elif used > self.limit_bytes // 2 or free < HALF_FULL_SEGMENTS * SEGMENT_BYTES:
            found["spool.E001"] = f"The usage spool is more than half full: {shown}."
        if self.torn:
            found["spool.E003"] = f"{self.torn} spool files were damaged, as by a power cut; they are kept as *.torn."
        return found

    def _read(self, live: Mapping[str, int]) -> bool:
        """Read on in every spool; True when a portion was full and more waits.

        live was looked up before: a worker that dies in between is read to its end the next time.
        """
        for path in sorted(self._folder.glob("*.spool")):
            name, slot, _, _ = path.name.split(".")
            boot = self._boots.setdefault(name, Boot(name, int(slot)))
            boot.segments.setdefault(path.name, Segment(path))
        has_more = False
        for boot in self._boots.values():
            is_read = self._read_boot(boot)
            has_more = has_more or not is_read
            if is_read and boot.boot not in live and not boot.is_closed:
                self._close(boot)
        return has_more

    def _read_boot(self, boot: Boot) -> bool:
        """False when the portion was full before the end of what is written."""
        for segment in boot.segments.values():
            if segment.is_ended:
                continue
            if not self._read_segment(boot, segment):
                return False
        return True

    def _read_segment(self, boot: Boot, segment: Segment) -> bool:
        with (
            segment.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            memoryview(content) as view,
        ):
            for kind, payload, offset in read_records(view, segment.offset):
                segment.offset = offset
                if kind == END:
                    segment.is_ended = True
                    break
                self._take(boot, segment, kind, payload)
                if len(boot.events) >= PORTION:
                    return False
        return True

    def _take(self, boot: Boot, segment: Segment, kind: int, payload: bytes) -> None:
        if kind == ADMIT:
            number, _ = ADMIT_HEAD.unpack_from(payload)
            boot.admitted[number] = payload
            segment.open_numbers.add(number)
        elif kind == FINAL:
            final = Final(*FINAL_BODY.unpack(payload))
            boot.seq = final.seq
            segment.last_seq = final.seq
            self._close_number(boot, final)
        elif kind == CELLS:
            cells_id, cells = _CELLS.decode(payload)
            boot.cells.append((cells_id, cells))
            segment.last_cells = cells_id

    def _close_number(self, boot: Boot, final: Final, *, is_indeterminate: bool = False) -> None:
        admitted = boot.admitted.pop(final.number)
        boot.events.append(_event(boot.boot, admitted, final, is_indeterminate=is_indeterminate))
        for segment in boot.segments.values():
            if final.number in segment.open_numbers:
                segment.open_numbers.discard(final.number)
                segment.last_seq = max(segment.last_seq, final.seq)

    def _close(self, boot: Boot) -> None:
        """The worker is dead: what it had in flight has no known end. Numbered in order, so always alike."""
        boot.is_closed = True
        for number in sorted(boot.admitted):
            boot.seq += 1
            self.indeterminate += 1
            self._close_number(boot, Final(number, boot.seq, 0, 0, 0, 0, 0, 0), is_indeterminate=True)
        for segment in boot.segments.values():
            if not segment.is_ended:
                segment.is_ended = True
                segment.is_torn = _is_torn(segment)
                self.torn += segment.is_torn

    async def _ship(self, boot: Boot) -> None:
        while boot.events or boot.cells:
            events = boot.events[:MAX_RECORDS]
            cells_id, cells = boot.cells[0] if boot.cells else (0, [])
            first, last = (events[0].seq, events[-1].seq) if events else (0, 0)
            batch = UsageBatch(boot.boot, boot.slot, first, last, events, cells, cells_id)
            answer = await asyncio.to_thread(self._control.post, "usage", encode_batch(batch))
            acked_seq = decode_ack(answer).acked_seq
            if acked_seq < last:
                message = f"only {acked_seq} of {last} was acknowledged"
                raise ValueError(message)
            boot.acked_seq = max(boot.acked_seq, last)
            boot.acked_cells = max(boot.acked_cells, cells_id)
            self.shipped += len(events)
            del boot.events[: len(events)]
            del boot.cells[:1]

    def _forget(self, boot: Boot) -> None:
        """Delete the segments of which everything is safe.

        Of a living worker the newest with a number in it stays: from it the numbers of what it leaves in flight go on.
        """
        numbered = max((segment.last_seq for segment in boot.segments.values()), default=0)
        for name, segment in list(boot.segments.items()):
            is_safe = (
                not segment.open_numbers
                and segment.last_seq <= boot.acked_seq
                and segment.last_cells <= boot.acked_cells
                and (boot.is_closed or segment.last_seq < numbered)
            )
            if segment.is_ended and is_safe:
                if segment.is_torn:
                    segment.path.replace(segment.path.with_suffix(".torn"))
                else:
                    segment.path.unlink(missing_ok=True)
                del boot.segments[name]
        if boot.is_closed and not boot.segments:
            del self._boots[boot.boot]


def _is_torn(segment: Segment) -> bool:
    """True when something follows what could be read: not what a kill leaves behind, but a lost or damaged page."""
    content = segment.path.read_bytes()[segment.offset :]
    kind = content[HEADER.size - 1 : HEADER.size]
    return kind not in (b"", b"\0") or bool(content[LONGEST_RECORD:].strip(b"\0"))


def _event(boot: str, admitted: bytes, final: Final, *, is_indeterminate: bool) -> UsageEvent:
    number, at_us = ADMIT_HEAD.unpack_from(admitted)
    texts = [text.decode(errors="replace") for text in admitted[ADMIT_HEAD.size :].split(FIELD)]
    client_request_id, path, version_id, operation, organization, application, credential, subscription, plan = texts
    code = FINAL_CODES[final.code]
    return UsageEvent(
        seq=final.seq,
        request_id=request_id_of(boot, number),
        client_request_id=client_request_id,
        at_us=at_us,
        version_id=version_id,
        operation=operation,
        path=path,
        organization=organization,
        application=application,
        credential=credential,
        subscription=subscription,
        plan=plan,
        status=final.status,
        code=code,
        is_indeterminate=is_indeterminate,
        duration_us=final.duration_us,
        upstream_us=final.upstream_us,
        request_bytes=final.request_bytes,
        response_bytes=final.response_bytes,
        trace=trace_of(
            operation,
            credential,
            application,
            subscription,
            plan,
            code,
            final.status,
            is_indeterminate=is_indeterminate,
        ),
    )
