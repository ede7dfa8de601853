"""Processes: what the kernel says about a worker, asked by its supervisor."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import NamedTuple

_PAGE_BYTES = resource.getpagesize()
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """Resident memory, and open files and sockets."""

    memory_bytes: int
    open_files: int


class Doing(NamedTuple):
    """What a process is at: the kernel's letter for it (proc(5)), the processor time it had, resident memory."""

    letter: str
    cpu_s: float
    memory_bytes: int


def doing(pid: int) -> Doing | None:
    """What a process does now, for a fraction of what look_at costs; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        fields = text[text.rindex(")") + 2 :].split()  # its name may hold anything
        return Doing(fields[0], (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND, int(fields[21]) * _PAGE_BYTES)
    except (OSError, IndexError, ValueError):
        return None


def look_at(pid: int) -> Process | None:
    """What a process has now; None when it is gone."""
    folder = Path("/proc") / str(pid)
    try:
        pages = int((folder / "statm").read_bytes().split()[1])
        return Process(pages * _PAGE_BYTES, len(os.listdir(folder / "fd")))  # noqa: PTH208 - names only
    except (OSError, IndexError, ValueError):
        return None


def peak_bytes(pid: int | str = "self") -> int:
    """The most resident memory that a process has had since its program began; 0 when it is gone.

    Unlike what getrusage(2) says, it leaves out what the process that started it had.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text(errors="replace")
        return int(text.partition("\nVmHWM:")[2].split(maxsplit=1)[0]) * 1024
    except (OSError, IndexError, ValueError):
        return 0


def address_space_bytes() -> int:
    """What this process has mapped now, which RLIMIT_AS is of; 0 where the kernel does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
