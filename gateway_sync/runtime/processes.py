"""Processes: what the kernel says about a worker, asked by its supervisor."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import NamedTuple

_PAGE_BYTES = resource.getpagesize()


class Process(NamedTuple):
    """Resident memory, and open files and sockets."""

    memory_bytes: int
    open_files: int


def look_at(pid: int) -> Process | None:
    """What a process has now; None when it is gone."""
    folder = Path("/proc") / str(pid)
    try:
        pages = int((folder / "statm").read_bytes().split()[1])
        return Process(pages * _PAGE_BYTES, len(os.listdir(folder / "fd")))  # noqa: PTH208 - names only
    except (OSError, IndexError, ValueError):
        return None
