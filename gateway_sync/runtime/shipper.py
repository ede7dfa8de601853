"""Shipper: reads the spools of all workers, living and dead, and hands them to the control plane.

Nothing is remembered on disk beside the spools: after a restart everything that is still there is sent again, and the
receiver stores each (boot, seq) once. A segment is deleted when all it holds is acknowledged. Records go out as they
were noted: a supervisor that looked into each would take a quarter of the core that its worker serves on.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown, ControlPlaneRefused
from gateway_sync.runtime.pacing import Pacing
from gateway_sync.runtime.refused import RefusedBatches
from gateway_sync.runtime.spool_format import CELLS_SUFFIX, FINAL_CODES, SEGMENT_BYTES, spool_bytes
from gateway_sync.runtime.spool_reader import Boot, Segment
from gateway_sync.runtime.usage_cells import cells_path
from gateway_sync.usage_wire import (
    CONTENT_TYPE,
    MAX_BODY_BYTES,
    MAX_RECORDS,
    UsageBody,
    contexts_of,
    decode_ack,
    encode_body,
    seq_of,
)

logger = logging.getLogger(__name__)

EVERY_S = 1.0
# What waits is safe on disk; but spend and quotas that are shown, and the time that a gap may last, count on usage
# that comes within seconds of the control plane's return.
LONGEST_PAUSE_S = 10.0
PORTION = 2 * MAX_RECORDS  # records of one worker that are in memory at most; the rest waits on disk
HALF_FULL_SEGMENTS = 64  # warn when the disk has room for fewer
REFUSALS = 4  # of one batch, before it is set aside
RETRY_REFUSED_S = 3600.0

# These tell of the gateway's token or of the moment, not of the batch.
_PASSING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class Shipper:
    """Ships each second, in batches of at most 5,000; a dead control plane costs nothing but disk."""

    def __init__(
        self, folder: Path, control: ControlPlane, live_boots: Callable[[], dict[str, int]], limit_bytes: int
    ) -> None:
        """live_boots tells the boots of workers that may still write; limit_bytes is what the spools may grow to."""
        self._folder = folder
        self.limit_bytes = limit_bytes
        self._control = control
        self._live_boots = live_boots
        self._boots: dict[str, Boot] = {}
        self._refused = RefusedBatches(folder)
        self._retry_at = time.monotonic()
        self._is_shipping = asyncio.Lock()
        self._pacing = Pacing(2 * EVERY_S, LONGEST_PAUSE_S)
        self._failure: Exception | None = None  # of the last try
        self.indeterminate = 0
        self.shipped = 0
        self.torn = 0

    async def run(self) -> None:
        """For ever."""
        pause_s = EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            if await self.ship_once():
                self._pacing.taken()
                pause_s = EVERY_S
            else:
                pause_s = self._pacing.pause_s(self._failure)

    async def ship_once(self) -> bool:
        """Read what is new and send it, in portions until nothing is left; False when it was not taken."""
        async with self._is_shipping:
            self._failure = None
            try:
                return await asyncio.to_thread(self._ship_all)
            except (ControlPlaneDown, ValueError, OSError) as error:
                self._failure = error
                logger.warning("usage was not taken: %s", error)
                return False

    def pending(self) -> int:
        """Records that were read and are not safe at the control plane yet; more may wait on disk."""
        return sum(len(boot.records) for boot in list(self._boots.values()))

    def numbers(self) -> dict[str, int]:
        """The last number that was read of each worker's life whose spool is still here."""
        return {boot.boot: boot.seq for boot in list(self._boots.values())}

    def refused(self) -> int:
        """Batches that the control plane refused for ever, and that wait on disk to be sent again."""
        return len(self._refused.paths())

    def spool_bytes(self) -> int:
        """What the spools take on disk."""
        return spool_bytes(self._folder)

    def problems(self) -> dict[str, str]:
        """What is wrong with the spool, by code."""
        used = self.spool_bytes()
        free = shutil.disk_usage(self._folder).free
        shown = f"{used // 2**20} of {self.limit_bytes // 2**20} MiB are used, {free // 2**20} MiB are free on disk"
        found = {}
        if used + SEGMENT_BYTES > self.limit_bytes or free < SEGMENT_BYTES:
            found["spool.E002"] = f"The usage spool cannot grow: what plans want recorded is refused with 503. {shown}."
        elif used > self.limit_bytes // 2 or free < HALF_FULL_SEGMENTS * SEGMENT_BYTES:
            found["spool.E001"] = f"The usage spool is more than half full: {shown}."
        if torn := sum(1 for _ in self._folder.glob("*.torn")):  # told by the files: a restart changes nothing in them
            found["spool.E003"] = f"{torn} spool files were damaged, as by a power cut; they are kept as *.torn."
        if refused := self.refused():
            found["spool.E004"] = (
                f"The control plane refused {refused} batches of usage, which are kept in {self._refused.folder}. "
                "Bring both to the same version and restart the gateway: it sends them again at its start."
            )
        return found

    def _ship_all(self) -> bool:
        """False when a batch was refused. Errors: ControlPlaneDown, ValueError, OSError."""
        self._send_refused_again()
        has_more = is_taken = True
        while has_more and is_taken:
            has_more = self._read(self._live_boots())
            for boot in list(self._boots.values()):
                if self._ship(boot):
                    self.torn += boot.forget()
                    if boot.is_closed and not boot.segments:
                        boot.counting.unlink(missing_ok=True)
                        del self._boots[boot.boot]
                else:
                    is_taken = False  # the other workers' spools go on
        return is_taken

    def _read(self, live: Mapping[str, int]) -> bool:
        """Read on in every spool; True when a portion was full and more waits.

        live was looked up before: a worker that dies in between is read to its end the next time, and one that is seen
        for the first time may have begun in between.
        """
        known = set(self._boots)
        for path in sorted(self._folder.glob("*.spool")):
            name, slot, _, _ = path.name.split(".")
            self._boot(name, slot).segments.setdefault(path.name, Segment(path))
        for path in self._folder.glob(f"*{CELLS_SUFFIX}"):
            name, slot, _ = path.name.split(".")
            self._boot(name, slot)
        has_more = False
        for boot in self._boots.values():
            is_live, is_new = boot.boot in live, boot.boot not in known
            is_read = boot.read(PORTION, is_live=is_live or is_new)
            has_more = has_more or not is_read or (is_new and not is_live)
            if is_read and not (is_live or is_new or boot.is_closed):
                self.indeterminate += boot.close()
        return has_more

    def _boot(self, name: str, slot: str) -> Boot:
        return self._boots.setdefault(name, Boot(name, int(slot), cells_path(self._folder, name, int(slot))))

    def _ship(self, boot: Boot) -> bool:
        """Send all that was read of a boot; False when the control plane refused a batch and may take it later."""
        while boot.records or boot.cells:
            body = _next_body(boot)
            if not self._hand_in(boot, body):
                return False
            self.shipped += len(body.records)
            del boot.records[: len(body.records)]
            del boot.cells[:1]
        return True

    def _hand_in(self, boot: Boot, body: UsageBody) -> bool:
        content = encode_body(body)
        try:
            self._post(content, body.last_seq)
        except ControlPlaneRefused as refusal:
            if not _is_for_ever(refusal):
                raise
            boot.refusals += 1
            logger.warning("a batch of usage was refused, %d of %d times: %s", boot.refusals, REFUSALS, refusal)
            if boot.refusals < REFUSALS:
                return False
            path = self._refused.keep(f"{body.boot}.{body.first_seq}-{body.last_seq}.{body.cells_id}", content)
            logger.error("spool.E004: %d records that were refused are kept in %s", len(body.records), path)  # noqa: TRY400 - no bug here
        boot.refusals = 0
        return True

    def _post(self, content: bytes, last_seq: int) -> None:
        acked_seq = decode_ack(self._control.post("usage", content, content_type=CONTENT_TYPE)).acked_seq
        if acked_seq < last_seq:
            message = f"only {acked_seq} of {last_seq} was acknowledged"
            raise ValueError(message)

    def _send_refused_again(self) -> None:
        """At the start and each hour: by then one of both sides may have been mended."""
        if time.monotonic() < self._retry_at:
            return
        for path in self._refused.paths():
            try:
                self._post(path.read_bytes(), 0)
            except ControlPlaneRefused as refusal:
                if not _is_for_ever(refusal):
                    raise
            else:
                path.unlink()
        self._retry_at = time.monotonic() + RETRY_REFUSED_S


def _next_body(boot: Boot) -> UsageBody:
    """The next records without a gap in their numbers, as many as a request takes, and the next cells."""
    records = boot.records[:MAX_RECORDS]
    cells_id, cells = boot.cells[0] if boot.cells else (0, [])
    first = seq_of(records[0]) if records else 0
    if records and seq_of(records[-1]) != first + len(records) - 1:
        following = (place for place, record in enumerate(records) if seq_of(record) != first + place)
        records = records[: next(following)]
    while True:
        contexts = {index: boot.contexts[index] for index in contexts_of(records)}
        last = first + len(records) - 1 if records else 0
        body = UsageBody(boot.boot, boot.slot, first, last, list(FINAL_CODES), contexts, records, cells, cells_id)
        size = sum(map(len, records)) + sum(len(context.operation) + 200 for context in contexts.values())
        if size <= MAX_BODY_BYTES or len(records) <= 1:
            return body
        records = records[: len(records) // 2]


def _is_for_ever(refusal: ControlPlaneRefused) -> bool:
    """True when the same batch would be refused again."""
    is_clients = HTTPStatus.BAD_REQUEST <= refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_clients and refusal.status not in _PASSING
