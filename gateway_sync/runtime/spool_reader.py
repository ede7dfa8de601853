"""Reading the spool of one life of a worker, from its first record to where it ends now."""

from __future__ import annotations

import mmap
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from gateway_sync.runtime.usage_cells import left_in
from gateway_sync.usage_wire import FINAL_BODY, INDETERMINATE, UsageCell, UsageContext

LONGEST_RECORD = 2**20
MOST_CELLS = 100  # notes of anonymous counts in memory, of which a worker makes one a second; the rest waits on disk

_NUMBER = struct.Struct("<Q")
_CELLS = msgspec.msgpack.Decoder(tuple[int, list[Any]])  # the control plane checks each; a refusal is dealt with


@dataclass
class Segment:
    """One file of a spool: how far it was read, and what begins in it and has not ended yet.

    Shapes: contexts are those noted in it; open_numbers is known once it is ended; last_seq is of its last FINAL.
    """

    path: Path
    offset: int = FIRST_RECORD
    is_ended: bool = False
    is_torn: bool = False
    contexts: list[int] = field(default_factory=list)
    open_numbers: set[int] = field(default_factory=set)
    last_seq: int = 0


@dataclass
class Boot:
    """The spool of one life of a worker, and what was read of it and is not safe at the control plane yet.

    Shapes: admitted maps the number of an exchange in flight to its ADMIT; records are as usage_wire tells. counting is
    where its worker counts what it has not noted yet.
    """

    boot: str
    slot: int
    counting: Path
    segments: dict[str, Segment] = field(default_factory=dict)
    contexts: dict[int, UsageContext] = field(default_factory=dict)
    admitted: dict[int, bytes] = field(default_factory=dict)
    records: list[bytes] = field(default_factory=list)
    cells: list[tuple[int, list[UsageCell]]] = field(default_factory=list)
    cells_id: int = 0
    seq: int = 0
    refusals: int = 0
    is_closed: bool = False

    def read(self, portion: int, *, is_live: bool) -> bool:
        """Read on; False when memory held `portion` records, or MOST_CELLS, before the end of what is written.

        Of a living worker nothing behind a segment that is not ended: it may write to both meanwhile, and the order
        would be lost. Errors: OSError.
        """
        for segment in self.segments.values():
            if not segment.is_ended and not self._read_segment(segment, portion):
                return False
            if len(self.cells) >= MOST_CELLS:
                return False
            if is_live and not segment.is_ended:
                return True
        return True

    def _read_segment(self, segment: Segment, portion: int) -> bool:
        with (
            segment.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            before = self.seq
            is_read = self._read_records(segment, content, portion)
            if self.seq != before:
                segment.last_seq = self.seq
        return is_read

    def _read_records(self, segment: Segment, content: mmap.mmap, portion: int) -> bool:
        """One loop without calls of our own for what each exchange writes: it runs beside the worker, on its core."""
        admitted, records, look, crc32 = self.admitted, self.records, LOOK.unpack_from, zlib.crc32
        offset, header, last, seq = segment.offset, HEADER.size, SEGMENT_BYTES - TAIL_BYTES, self.seq
        left = portion - len(records)
        while offset <= last and left > 0:
            length, crc, kind, number, second = look(content, offset)
            start = offset + header
            end = start + length
            if not kind or end > SEGMENT_BYTES:
                break
            payload = content[start:end]
            if crc32(payload) != crc:
                break
            if kind == ADMIT:
                admitted[number] = payload
            elif kind == FINAL:
                seq = second
                admission = admitted.pop(number, None)
                if admission is not None:  # else it was shipped by an earlier supervisor, and its ADMIT is gone
                    records.append(payload + admission)
                    left -= 1
            elif not self._take(segment, kind, payload):
                break
            offset = end
        segment.offset, self.seq = offset, seq
        return left > 0

    def _take(self, segment: Segment, kind: int, payload: bytes) -> bool:
        """False for what no worker of this version writes: the segment ends there, as one that is torn."""
        if kind == CONTEXT:
            (index,) = CONTEXT_HEAD.unpack_from(payload)
            texts = payload[CONTEXT_HEAD.size :].decode(errors="replace").split(SEPARATOR)
            if len(texts) != len(UsageContext.__struct_fields__):
                return False
            self.contexts[index] = UsageContext(*texts)
            segment.contexts.append(index)
        elif kind == READMIT:
            (number,) = _NUMBER.unpack_from(payload)
            self.admitted[number] = payload
            for other in self.segments.values():
                other.open_numbers.discard(number)
        elif kind == CELLS:
            try:
                self.cells.append(_CELLS.decode(payload))
            except msgspec.DecodeError:
                return False
            self.cells_id = self.cells[-1][0]
        elif kind == END:
            segment.is_ended = True
            earlier: set[int] = set().union(*(other.open_numbers for other in self.segments.values()))
            segment.open_numbers = self.admitted.keys() - earlier
        return True

    def close(self) -> int:
        """The worker is dead: what it had in flight has no known end. How many that were.

        Numbered in the order of admission, so alike however often it is read. What it had counted and not noted comes
        last, under the id that it would have been noted by. Errors: OSError.
        """
        left_id, left = left_in(self.counting)
        if left and left_id > self.cells_id:
            self.cells.append((left_id, left))
        self.is_closed = True
        in_flight = sorted(self.admitted)
        for number in in_flight:
            self.seq += 1
            body = FINAL_BODY.pack(number, self.seq, 0, INDETERMINATE, 0, 0, 0, 0)
            self.records.append(body + self.admitted.pop(number))
        for segment in self.segments.values():
            if not segment.is_ended:
                segment.is_ended = True
                segment.is_torn = _is_torn(segment)
        return len(in_flight)

    def forget(self) -> int:
        """Delete the segments that hold nothing open, all that was read being safe. How many were torn, and are kept.

        Of a living worker the newest with a FINAL in it stays: from it the numbers of what it leaves in flight go on.
        """
        torn = 0
        numbered = max((segment.last_seq for segment in self.segments.values()), default=0)
        for name, segment in list(self.segments.items()):
            segment.open_numbers &= self.admitted.keys()
            if not segment.is_ended or segment.open_numbers:
                continue
            if not self.is_closed and segment.last_seq == numbered:
                continue
            if segment.is_torn:
                segment.path.replace(segment.path.with_suffix(".torn"))
                torn += 1
            else:
                segment.path.unlink(missing_ok=True)
            for index in segment.contexts:
                del self.contexts[index]
            del self.segments[name]
        return torn


def _is_torn(segment: Segment) -> bool:
    """True when something follows what could be read: not what a kill leaves behind, but a lost or damaged page."""
    content = segment.path.read_bytes()[segment.offset :]
    kind = content[HEADER.size - 1 : HEADER.size]
    return kind not in (b"", b"\0") or bool(content[LONGEST_RECORD:].strip(b"\0"))
