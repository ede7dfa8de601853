"""P5: what one worker holds in memory: with a large state, and for each idle connection."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import probes, processes, subjects
from benchmarks.load import Call
from benchmarks.state import Size, calls_of, make_state
from benchmarks.subjects import Bench, Extent

LARGE = Size(routes=10_000, keys=100_000)
SMALL = Size(routes=100, keys=1000)
IDLE_CONNECTIONS = 4000
SETTLED_S = 2.0  # until the tables of the state are on disk and the supervisor is done with them


def memory(bench: Bench, extent: Extent) -> dict[str, object]:
    """Resident bytes of a worker, and of an idle connection that has been served once."""
    size = SMALL if extent.is_short else LARGE
    count = 200 if extent.is_short else IDLE_CONNECTIONS
    call = calls_of(size)[-1]
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.upstream(bench))
        subject = stack.enter_context(subjects.gateway(bench, make_state(size, upstream_port), "memory"))
        probes.wait_for_answer(subject.port, call)
        time.sleep(SETTLED_S)
        worker = worker_of(subject.pid)
        before = resident_bytes(worker)
        connections = open_connections(subject.port, call, count)
        after = resident_bytes(worker)
        for connection in connections:
            connection.close()
    return {
        "worker": {"routes": size.routes, "keys": size.keys, "rss_mib": round(before / 2**20, 1)},
        "idle connection": {"connections": count, "kib_each": round((after - before) / count / 1024, 2)},
    }


def worker_of(supervisor: int) -> int:
    """The process of the one worker: the child that holds the connections."""
    return max(pid for pid in processes.family(supervisor) if pid != supervisor)


def resident_bytes(pid: int) -> int:
    """Resident memory of one process, what it shares with others included."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def open_connections(port: int, call: Call, count: int) -> list[socket.socket]:
    """Connections that each got one answer and stay open.

    Errors: OSError when this process may not have so many open files.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    request = f"GET {call.path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {call.key}\r\n\r\n".encode()
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.sendall(request)
        if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
            message = "a connection was not served"
            raise OSError(message)
        connections.append(connection)
    return connections
