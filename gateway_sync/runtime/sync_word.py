"""SyncWord: by which the workers of a host know that what they note does not reach the disk.

A number in a shared map beside the spool: 1 while syncs go on failing, else 0. One writer, the supervisor; a worker
looks at it before it admits a call, so it costs no message and holds at once for workers that begin.
"""

from __future__ import annotations

import logging
import mmap
import os
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_FILE: Final = "sync.map"
_BYTES: Final = 8


def written_word(spool: Path) -> memoryview:
    """The word, for its writer, as of a disk that keeps what is written. Without room for it nobody reads it."""
    try:
        descriptor = os.open(spool.parent / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _BYTES)
            word = memoryview(mmap.mmap(descriptor, _BYTES)).cast("Q")
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.warning("workers will not know of failing syncs: %s", error)
        return memoryview(bytearray(_BYTES)).cast("Q")
    word[0] = 0
    return word


def read_word(spool: Path) -> memoryview:
    """The word, for its readers; 0 for ever where nobody writes one."""
    try:
        descriptor = os.open(spool.parent / _FILE, os.O_RDONLY)
        try:
            return memoryview(mmap.mmap(descriptor, _BYTES, access=mmap.ACCESS_READ)).cast("Q")
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return memoryview(bytes(_BYTES)).cast("Q")
