"""One child process: started in a group of its own, with its log, tied to the launcher's life."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from apim.up.options import ROOT

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT_BYTES = 20 * 1024 * 1024


class Process:
    """A running child and its log file."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start command."""
        _rotate(log)
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 -- the launcher has one thread
            )
        self.log = log

    @property
    def group(self) -> int:
        """The id of the process and of its group."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    def ask_to_end(self) -> None:
        """Send SIGTERM to the process itself; it ends its own workers in order."""
        self._send(os.kill, signal.SIGTERM)

    def kill_group(self) -> None:
        """Kill what is left of the process and its workers."""
        self._send(os.killpg, signal.SIGKILL)

    def wait(self) -> None:
        """Collect the exit of a killed process."""
        self._popen.wait()

    def _send(self, send: Callable[[int, int], None], number: int) -> None:
        try:
            send(self.group, number)
        except (ProcessLookupError, PermissionError):  # gone already; macOS says EPERM for a group of zombies
            return


def die_with_parent() -> Callable[[], None] | None:
    """What a child calls before it runs its program so that the kernel ends it with the launcher; Linux only."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # killed between fork and prctl
            os._exit(1)

    return tie


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
