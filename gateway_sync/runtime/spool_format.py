"""Format of a usage spool, as the worker writes it and the shipper reads it.

A segment is a file of fixed size, mapped by its worker. Its head says up to where it is written: for the sync to disk,
which needs one look; the shipper goes by the records alone. Record: length, CRC-32 and kind, then the payload. A kind
of 0 is the end of what was written; a wrong CRC is a write that was cut off by a kill. ADMIT is written before an
exchange is sent to the upstream, FINAL before the last byte of its answer is released, so an ADMIT without FINAL in the
spool of a dead worker is an exchange whose outcome nobody knows. CONTEXT is what many ADMITs of the same segment share.
READMIT repeats the ADMIT of an exchange that lasts, so that the segment where it began need not be kept for it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from gateway_sync import usage_wire
from gateway_sync.runtime.core.refusals import CODES

SEGMENT_BYTES: Final = 4 * 2**20
SPOOL_BYTES: Final = 12 * 2**30  # of one host, unless told otherwise: 72 h of 200 requests a second
FIRST_RECORD: Final = 8  # after the head: where what is written ends, SEGMENT_BYTES once nothing more will follow
HEADER: Final = struct.Struct("<IIB")
LOOK: Final = struct.Struct("<IIBQQ")  # a header, and how the payloads of ADMIT and FINAL begin
TAIL_BYTES: Final = LOOK.size  # kept free at the end, so that a look at END stays inside
CONTEXT_HEAD: Final = struct.Struct("<I")
ADMIT: Final = 1
FINAL: Final = 2
CELLS: Final = 3
END: Final = 4
CONTEXT: Final = 5
READMIT: Final = 6
SEPARATOR: Final = "\x1f"  # of the texts of a CONTEXT
CELLS_BYTES: Final = 2**19  # less than a record may have, for that is where it goes
CELLS_SUFFIX: Final = ".cells"
_BYTES_BY_SUFFIX: Final = {".spool": SEGMENT_BYTES, ".torn": SEGMENT_BYTES, CELLS_SUFFIX: CELLS_BYTES}
REFUSED: Final = "refused"  # a folder

CLIENT_CLOSED: Final = "client-closed"
FINAL_CODES: Final = ("", CLIENT_CLOSED, *CODES)
CODE_NUMBERS: Final = {code: number for number, code in enumerate(FINAL_CODES)}

request_id_of = usage_wire.request_id_of  # the worker tells it to callers, the control plane makes it from the record


def segment_path(folder: Path, boot: str, slot: int, count: int) -> Path:
    """Where the count-th segment of a worker's life is."""
    return folder / f"{boot}.{slot}.{count:08d}.spool"


def spool_bytes(folder: Path) -> int:
    """What all of a host's spools take on disk, the batches that the control plane refused included."""
    refused = folder / REFUSED
    kept = sum(path.stat().st_size for path in refused.iterdir()) if refused.is_dir() else 0
    return sum(_BYTES_BY_SUFFIX.get(path.suffix, 0) for path in folder.iterdir()) + kept
