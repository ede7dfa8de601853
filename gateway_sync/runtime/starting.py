"""Starting: the two ways in which a worker process begins.

The first worker of a slot is forked from its supervisor, which has imported all that a worker needs: importing it
anew would take as long as the rest of a start. Every later one is a fresh interpreter, for it is to run the code that
is on disk by then, and by then the supervisor has threads.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import traceback
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import NoReturn, Protocol

from gateway_sync.runtime import worker
from gateway_sync.runtime.compiled import compiled_root, worker_environment


class Process(Protocol):
    """What a slot needs of a worker's process, as subprocess.Popen has it."""

    pid: int
    memory_bytes: int  # the most it ever had, once it has ended

    def poll(self) -> int | None:
        """The exit code once it has ended, negative = by that signal."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it at once."""


def spawned(descriptors: Sequence[int]) -> Process:
    """A worker in an interpreter of its own, which inherits these descriptors. Errors: OSError."""
    started = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "gateway_sync.runtime.worker", str(os.getpid()), *map(str, descriptors)],
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        env=worker_environment(),
    )
    started.returncode = 0  # whoever waits for a process first learns what it took: ours, not its own
    return Child(started.pid)


def is_forkable() -> bool:
    """True when workers run the same code as this process, not a compiled copy of it."""
    return compiled_root() is None


def forked(descriptors: Sequence[int]) -> Process:
    """A worker that is a copy of this process and keeps of its files only these descriptors.

    For a process without threads and without a running event loop. In the worker it does not return. Errors: OSError.
    """
    gc.freeze()  # or the worker's first collection would copy every page of what both know
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_worker(supervisor, descriptors)
    return Child(pid)


class Child:
    """A process that this one began and waits for."""

    def __init__(self, pid: int) -> None:
        """It has just begun."""
        self.pid = pid
        self.memory_bytes = 0
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code once it has ended, negative = by that signal."""
        if self._code is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._code, self.memory_bytes = os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024
        return self._code

    def terminate(self) -> None:
        """Ask it to end."""
        if self.poll() is None:
            os.kill(self.pid, SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            os.kill(self.pid, SIGKILL)


def _be_worker(supervisor: int, descriptors: Sequence[int]) -> NoReturn:
    """Run the worker and end; nothing of the supervisor's is left, closed or flushed on the way."""
    code = 1
    try:
        _close_all_but(descriptors)
        worker.main(supervisor, descriptors)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - the edge of the process, as the interpreter's own
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _close_all_but(kept: Collection[int]) -> None:
    """Close what the supervisor has open, its lock and its ends of channels among it; standard input is empty."""
    for path in list(Path("/proc/self/fd").iterdir()):
        number = int(path.name)
        if number > 2 and number not in kept:  # noqa: PLR2004 - standard error
            with suppress(OSError):  # the list's own descriptor is closed already
                os.close(number)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
