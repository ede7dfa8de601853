"""Processes under measurement: pinned to cores, their processor time and memory read from /proc."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

READY_WITHIN_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    command: Sequence[str | Path], cores: set[int], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process group on these cores for as long as the block lasts."""
    pinned = ["taskset", "-c", ",".join(str(core) for core in sorted(cores)), *map(str, command)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            pinned, stdout=output, stderr=output, stdin=subprocess.DEVNULL, process_group=0, env=environment
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process group, at the latest by force."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when somebody listens.

    Errors: RuntimeError with the end of the log when the process ended or took too long.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
        except OSError:
            time.sleep(0.005)
        else:
            return
    message = f"{process.args!r} does not listen on {port}:\n{log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(message)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = _stat(int(folder.name))
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += children.get(each, [])
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Processor seconds the processes used so far, user and kernel."""
    total = 0
    for pid in pids:
        try:
            fields = _stat(pid)
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS_PER_S


def rss_bytes(pids: Sequence[int]) -> int:
    """Resident memory of the processes, shared pages counted once each."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
    return total


def _stat(pid: int) -> list[str]:
    """The fields of /proc/pid/stat after the command's name; index 0 is the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
