"""A limit of memory that processes share, as that of a container: a control group, where one may be made."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import wait_until

_ROOT = Path("/sys/fs/cgroup/memory")  # control groups of version 1
_JOIN = 'echo $$ > "$0" && exec "$@"'


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """Units: bytes."""

    folder: Path

    def command(self) -> list[str]:
        """A command under which a process and its children are in the group."""
        return ["sh", "-c", _JOIN, str(self.folder / "cgroup.procs")]

    def add(self, pids: list[int]) -> None:
        """Have processes that run already in the group; what they took before is not theirs here."""
        for pid in pids:
            (self.folder / "cgroup.procs").write_text(str(pid))

    def pids(self) -> list[int]:
        """Who is in it now."""
        return [int(line) for line in (self.folder / "cgroup.procs").read_text().split()]

    def used(self) -> int:
        """What all of them take now."""
        return int((self.folder / "memory.usage_in_bytes").read_text())

    def limit(self, size: int) -> None:
        """Let them take no more; -1 = no limit."""
        (self.folder / "memory.limit_in_bytes").write_text(str(size))

    def kills(self) -> int:
        """How often the kernel ended one of them because there was no more."""
        lines = (self.folder / "memory.oom_control").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("oom_kill ")))


@contextmanager
def memory_group() -> Iterator[MemoryGroup]:
    """One without a limit and without processes; skips where none can be made."""
    folder = _ROOT / f"apim-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text("-1")
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield MemoryGroup(folder)
    finally:
        wait_until(lambda: not MemoryGroup(folder).pids(), "its processes have ended")
        folder.rmdir()
