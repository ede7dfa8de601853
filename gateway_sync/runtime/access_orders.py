"""Access orders: the access records that a worker maps, also when the file it was told of is gone already.

A supervisor keeps no file that it replaced, and says at once which one is next: a worker that starts, or is busy, finds
that word behind the one it could not follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway_sync.runtime import channel
from gateway_sync.runtime.access_file import AccessFile
from gateway_sync.runtime.access_table import AccessTable

if TYPE_CHECKING:
    from gateway_sync.runtime.keeper import Taken

PATIENCE_S: Final = 10.0


def orders_for(taken: Taken, vouched_at: float | None) -> Iterator[channel.ApplyAccess | channel.Vouched]:
    """What workers are told of an update: first its records, then that these were vouched for, if they were."""
    if taken.access_file is not None:
        yield channel.ApplyAccess((), taken.upto, str(taken.access_file))
    elif taken.changes or taken.upto:
        yield channel.ApplyAccess(taken.changes, taken.upto)
    if taken.is_vouched:
        yield channel.Vouched(vouched_at)


async def read_access(
    order: channel.ApplyAccess, reader: asyncio.StreamReader
) -> tuple[AccessTable, list[channel.ToWorker]]:
    """The records of the order's file, or of the next one that is there; and what else was ordered until then.

    Shapes: an order without a file has its records alone. Single changes in between are in the later file.
    Errors: OSError, also when no later file is named in time; AccessFileInvalid.
    """
    passed: list[channel.ToWorker] = []
    while True:
        try:
            table = AccessTable(AccessFile(Path(order.access_file)) if order.access_file else None)
        except FileNotFoundError as error:
            order = await _next_file(reader, passed, error)
        else:
            table.apply(order.records, order.upto)
            return table, passed


async def _next_file(
    reader: asyncio.StreamReader, passed: list[channel.ToWorker], error: FileNotFoundError
) -> channel.ApplyAccess:
    """The next order that names a file; others are added to those passed. Errors: OSError."""
    async with asyncio.timeout(PATIENCE_S):  # somebody else may have deleted it: then starting anew is all there is
        while line := await reader.readline():
            order = channel.decode_order(line)
            if not isinstance(order, channel.ApplyAccess):
                passed.append(order)
            elif order.access_file:
                return order
    raise error
