"""P7: a long body through one worker: what it costs in memory, and how fast it is beside nginx."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from statistics import median

from benchmarks import peer_servers, probes, subjects
from benchmarks.load import Call, Subject, WrongAnswerError
from benchmarks.memory import worker_of
from benchmarks.state import Size, calls_of, make_state
from benchmarks.subjects import Bench, Extent
from gateway_sync.runtime.processes import peak_bytes

MIB = 2**20
SIZE = Size(routes=10, keys=10)
PIECE = MIB


def streaming(bench: Bench, extent: Extent) -> dict[str, object]:
    """MiB/s of a download through us and through nginx in turn, and the worker's extra memory at its peak."""
    body_bytes = (16 if extent.is_short else 1024) * MIB
    call = calls_of(SIZE)[0]
    speeds: dict[str, list[float]] = {}
    with ExitStack() as stack:
        upstream_port = stack.enter_context(subjects.file_upstream(bench, body_bytes))
        ours = stack.enter_context(subjects.gateway(bench, make_state(SIZE, upstream_port), "streaming"))
        probes.wait_for_answer(ours.port, call)
        running = [ours, stack.enter_context(peer_servers.nginx(bench, upstream_port, [call]))]
        worker = worker_of(ours.pid)
        before = peak_bytes(worker)
        for _ in range(extent.rounds):
            for subject in running:
                speed = download(subject, call, body_bytes) / MIB
                speeds.setdefault(subject.name, []).append(speed)
        extra = peak_bytes(worker) - before
    medians = {name: median(each) for name, each in speeds.items()}
    return {
        "body_mib": body_bytes // MIB,
        "extra_mib": round(extra / MIB, 1),
        "mib_per_s": {name: round(each) for name, each in medians.items()},
        "ours / nginx": round(
            median(mine / theirs for mine, theirs in zip(speeds["apim"], speeds["nginx"], strict=True)), 3
        ),
    }


def download(subject: Subject, call: Call, body_bytes: int) -> float:
    """Bytes a second of one download.

    Errors: WrongAnswerError when the status is not 200 or the body has another length.
    """
    request = f"GET {call.path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {call.key}\r\nConnection: close\r\n\r\n"
    piece = bytearray(PIECE)
    with socket.create_connection(("127.0.0.1", subject.port), timeout=60) as connection:
        started_at = time.monotonic()
        connection.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096) or b"\r\n\r\n"
        received = len(head.partition(b"\r\n\r\n")[2])
        while count := connection.recv_into(piece):
            received += count
        took_s = time.monotonic() - started_at
    if not head.startswith(b"HTTP/1.1 200") or received != body_bytes:
        message = f"{subject.name}: {head[:40]!r}, {received} of {body_bytes} bytes"
        raise WrongAnswerError(message)
    return received / took_s
