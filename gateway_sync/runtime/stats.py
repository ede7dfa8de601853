"""Statistics of one worker in a shared memory map: one writer (the worker), any number of readers.

Owns: the layout. The map outlives the worker, so that counts survive a crash; a reader sums the slots.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

BUCKETS: Final = 28  # latency bucket n holds exchanges below 2**n microseconds; the last one the rest
_NAMES: Final = (
    "requests",
    "refused",
    "upstream_errors",
    "status_1xx",
    "status_2xx",
    "status_3xx",
    "status_4xx",
    "status_5xx",
    "request_bytes",
    "response_bytes",
    "connections_opened",
    "connections_closed",
    "upstream_connections_opened",
    "retries",
    "aborted",
    "tunnels_opened",
    "tunnels_closed",
    "composites",
    "composites_refused",
    "composites_undone",
    "composites_not_undone",
    "composites_interrupted",
    "bodies_refused",
    "unmetered",
)
GAUGES_AT: Final = 24
_GAUGES: Final = (
    "loop_lag_us",
    "upstreams_open",
    "upstreams_idle",
    "kept_body_bytes",
    "unsent_bytes",
    "composites_under_way",
)
POSITIONS: Final = {name: position for position, name in enumerate(_NAMES)}
REQUESTS: Final = 0
REFUSED: Final = 1
UPSTREAM_ERRORS: Final = 2
STATUS_CLASS: Final = POSITIONS["status_1xx"] - 1  # plus status // 100
REQUEST_BYTES: Final = POSITIONS["request_bytes"]
RESPONSE_BYTES: Final = POSITIONS["response_bytes"]
CONNECTIONS_OPENED: Final = POSITIONS["connections_opened"]
CONNECTIONS_CLOSED: Final = POSITIONS["connections_closed"]
UPSTREAM_OPENED: Final = POSITIONS["upstream_connections_opened"]
RETRIES: Final = POSITIONS["retries"]
ABORTED: Final = POSITIONS["aborted"]
TUNNELS_OPENED: Final = POSITIONS["tunnels_opened"]
TUNNELS_CLOSED: Final = POSITIONS["tunnels_closed"]
COMPOSITES: Final = POSITIONS["composites"]
COMPOSITES_REFUSED: Final = POSITIONS["composites_refused"]
COMPOSITES_UNDONE: Final = POSITIONS["composites_undone"]
COMPOSITES_NOT_UNDONE: Final = POSITIONS["composites_not_undone"]
COMPOSITES_INTERRUPTED: Final = POSITIONS["composites_interrupted"]
BODIES_REFUSED: Final = POSITIONS["bodies_refused"]
UNMETERED: Final = POSITIONS["unmetered"]
GAUGES: Final = {name: GAUGES_AT + position for position, name in enumerate(_GAUGES)}
LATENCY: Final = 32
LATENCY_SUM: Final = LATENCY + BUCKETS
SIZE: Final = 8 * (LATENCY_SUM + 4)


def open_cells(path: Path) -> memoryview:
    """The unsigned 64-bit cells of a slot; the file is made when missing.

    Errors: OSError, on a full disk too: the blocks are allocated before they are mapped.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, SIZE)
        return memoryview(mmap.mmap(descriptor, SIZE)).cast("Q")
    finally:
        os.close(descriptor)


def count_exchange(cells: memoryview, status: int, duration_us: int, request_bytes: int, response_bytes: int) -> None:
    """Add an exchange that ended."""
    cells[REQUESTS] += 1
    cells[STATUS_CLASS + status // 100] += 1
    if request_bytes:
        cells[REQUEST_BYTES] += request_bytes
    if response_bytes:
        cells[RESPONSE_BYTES] += response_bytes
    bucket = duration_us.bit_length()
    cells[LATENCY + (bucket if bucket < BUCKETS else BUCKETS - 1)] += 1
    cells[LATENCY_SUM] += duration_us


def read_stats(cells: memoryview) -> dict[str, int | list[int]]:
    """The named counts and the latency histogram."""
    named: dict[str, int | list[int]] = {name: cells[position] for name, position in POSITIONS.items()}
    return named | {"latency": [cells[LATENCY + n] for n in range(BUCKETS)], "latency_sum_us": cells[LATENCY_SUM]}


def read_gauges(cells: memoryview) -> dict[str, int]:
    """What the worker is and has now, or had at its end, by name."""
    return {name: cells[position] for name, position in GAUGES.items()}


def note_gauges(cells: memoryview, **values: int) -> None:
    """Say what the worker is and has now."""
    for name, value in values.items():
        cells[GAUGES[name]] = value
