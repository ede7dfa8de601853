"""P12: how many WebSockets one worker keeps open, and what each takes of its memory."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack

from benchmarks import probes, processes, subjects
from benchmarks.interpreters import best_interpreter
from benchmarks.load import Call, WrongAnswerError
from benchmarks.memory import resident_bytes, worker_of
from benchmarks.state import Size, calls_of, make_state
from benchmarks.subjects import ROOT, Bench, Extent

SIZE = Size(routes=10, keys=10)
WANTED = 10_000
A_TUNNEL = 2  # descriptors of a worker; the service and this process have one each
SPARE = 200  # descriptors for everything else
PAYLOAD = b"still here"
_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def tunnels(bench: Bench, extent: Extent) -> dict[str, object]:
    """Open tunnels that each say something back, and KiB a tunnel.

    Errors: WrongAnswerError when one is refused or says something else.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the gateway and the service get the same
    count = min(100 if extent.is_short else WANTED, (hard - SPARE) // A_TUNNEL)
    call = calls_of(SIZE)[0]
    interpreter, log, port = best_interpreter(), bench.folder / "echo.log", processes.free_port()
    command = [interpreter.program, "-m", "benchmarks.soak_service", str(port)]
    with ExitStack() as stack:
        service = processes.running(command, bench.upstream_cores, log, interpreter.environment(str(ROOT)))
        processes.wait_for_port(port, stack.enter_context(service), log)
        ours = stack.enter_context(subjects.gateway(bench, make_state(SIZE, port), "tunnels"))
        probes.wait_for_answer(ours.port, call)
        worker = worker_of(ours.pid)
        before = resident_bytes(worker)
        opened = [_opened(ours.port, call) for _ in range(count)]
        after = resident_bytes(worker)
        answered = sum(_says_back(each) for each in opened)
        for each in opened:
            each.close()
    if answered != count:
        message = f"{count - answered} of {count} tunnels say something else"
        raise WrongAnswerError(message)
    return {"open": count, "kib_each": round((after - before) / count / 1024, 2), "descriptors allowed": hard}


def _opened(port: int, call: Call) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    fields = f"Host: bench\r\nX-API-Key: {call.key}\r\n{_UPGRADE}\r\n"
    client.sendall(f"GET {call.path} HTTP/1.1\r\n{fields}".encode())
    head = client.recv(65_536)
    if not head.startswith(b"HTTP/1.1 101 "):
        raise WrongAnswerError(head[:200].decode("latin-1"))
    return client


def _says_back(client: socket.socket) -> bool:
    """True when a text comes back as it was sent (RFC 6455 section 5.2)."""
    client.sendall(bytes([0x81, 0x80 | len(PAYLOAD)]) + b"\0\0\0\0" + PAYLOAD)
    return client.recv(65_536) == bytes([0x81, len(PAYLOAD)]) + PAYLOAD
