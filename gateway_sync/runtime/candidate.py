"""A candidate: a state that nobody published serves one connection, in a process of its own, and its traces are told.

Composition root, run as `python -m gateway_sync.runtime.candidate PARENT_PID CALLER_FD` by who wants to try the state.
It is a worker as any other: the same loading, admission, policies and upstreams. It has no port, since the caller's
connection is handed over; no supervisor; and nobody reads what it counts. It dies with who started it.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from gateway_sync.runtime import channel
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.bounds import Given
from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.runtime.obeying import Worker
from gateway_sync.runtime.processes import address_space_bytes
from gateway_sync.runtime.spool_format import SEGMENT_BYTES
from gateway_sync.runtime.trace_ring import TraceRing, ring_path
from gateway_sync.runtime.vouching import running_s
from gateway_sync.snapshot import (
    API,
    EDGE_FRAGMENT,
    ENVIRONMENT_FRAGMENT,
    PRODUCTS_FRAGMENT,
    Edge,
    Environment,
    Products,
    api_fragment,
    decode_fragment,
)
from gateway_sync.trace_wire import CallTrace, decode_trace

CPU_S: Final = 10
MEMORY_BYTES: Final = 2**29  # beside what it has when it begins
_FILES: Final = 256
_FILE_BYTES: Final = 2**26
_SLOT: Final = 1  # not the one that runs health checks
_LAST_WORDS_S: Final = 1.0  # in which what the caller gave up may still be noted
_STEP_S: Final = 0.01
_PR_SET_PDEATHSIG: Final = 1


class Candidate(msgspec.Struct, frozen=True):
    """What is to be tried.

    Shapes: fragments by name; access as of encode_records; pepper and sealing_key in hex; address is the caller's;
    home is a folder of its own.
    """

    fragments: dict[str, str]
    access: list[tuple[bytes, bytes]]
    pepper: str
    sealing_key: str
    address: str
    home: str


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """It serves; problems are what gateways would report of the state."""

    problems: list[tuple[str, str]]


class Over(msgspec.Struct, tag="over", frozen=True):
    """The connection is gone; what was noted of its calls, in their order."""

    traces: list[CallTrace]


Said = Ready | Over
_ENCODER = msgspec.json.Encoder()
_SAID = msgspec.json.Decoder(Said)
_CANDIDATE = msgspec.json.Decoder(Candidate)


def encode(value: Candidate | Said) -> bytes:
    """One line."""
    return _ENCODER.encode(value) + b"\n"


def decode_said(line: bytes) -> Said:
    """A line of a candidate. Errors: ValueError."""
    said: Said = _SAID.decode(line)
    return said


def index_of(fragments: dict[str, str]) -> Index:
    """The look-ups of a state. Errors: SnapshotInvalid, KeyError."""
    edge = decode_fragment(fragments[EDGE_FRAGMENT], Edge) if EDGE_FRAGMENT in fragments else Edge()
    environment = decode_fragment(fragments[ENVIRONMENT_FRAGMENT], Environment)
    index = Index(environment, decode_fragment(fragments[PRODUCTS_FRAGMENT], Products), 0, "candidate", edge)
    apis = [decode_fragment(text, API) for name, text in fragments.items() if name.startswith(api_fragment(""))]
    for _ in build_index(index, apis):
        pass
    return index


def settings_of(candidate: Candidate) -> channel.Settings:
    """What a supervisor would say to a worker."""
    return channel.Settings(
        slot=_SLOT,
        boot="candidate",
        workers=_SLOT + 1,
        home=candidate.home,
        pepper=candidate.pepper,
        port=0,
        pseudonym="candidate",
        own_addresses=(),
        generation="",
        digest="",
        access_file="",
        access_changes=[],
        access_seq=0,
        spool_bytes=2 * SEGMENT_BYTES,
        given=Given(),
        sealing_key=candidate.sealing_key,
        vouched_at=running_s(),
    )


async def serve(candidate: Candidate, caller: socket.socket) -> None:
    """Serve the caller until it is gone; say when it can begin, and what was noted."""
    loop = asyncio.get_running_loop()
    for name in ("spool", "composites"):
        (Path(candidate.home) / name).mkdir(exist_ok=True)
    ear, mouth = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=mouth)
    listening, _ = await asyncio.open_connection(sock=ear)
    access = AccessTable(None)
    access.apply(candidate.access, 1)
    worker = Worker(settings_of(candidate), index_of(candidate.fragments), access, writer)
    serving = worker.serving
    serving.clock = loop.time()
    tasks = [asyncio.create_task(worker.sweep()), asyncio.create_task(_pass_over(listening))]
    connection = ClientConnection(serving)
    transport, _ = await loop.connect_accepted_socket(lambda: cast("asyncio.Protocol", connection), caller)
    connection.address = candidate.address
    loop.add_signal_handler(signal.SIGTERM, transport.abort)  # the caller waits no longer
    _say(Ready([(problem.code, problem.message) for problem in serving.gate.index.problems]))
    while serving.clients:  # noqa: ASYNC110 - the connection may become a tunnel
        await asyncio.sleep(_STEP_S)
    ring = TraceRing(ring_path(Path(candidate.home), _SLOT))
    deadline = loop.time() + _LAST_WORDS_S
    while not (records := ring.read(100)) and loop.time() < deadline:  # noqa: ASYNC110 - a ring tells nobody
        await asyncio.sleep(_STEP_S)
    _say(Over([decode_trace(record) for record in records]))
    for task in tasks:
        task.cancel()


async def _pass_over(told: asyncio.StreamReader) -> None:
    """What a worker tells its supervisor."""
    while await told.read(65_536):
        pass


def _say(value: Said) -> None:
    sys.stdout.buffer.write(encode(value))
    sys.stdout.buffer.flush()


def bound() -> None:
    """Have the kernel end it when it takes too much."""
    size = address_space_bytes()
    most = ((resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_NOFILE, _FILES), (resource.RLIMIT_FSIZE, _FILE_BYTES))
    for kind, value in (*most, (resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, size + MEMORY_BYTES)):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def main(parent: int, descriptor: int) -> None:
    """Try what standard input holds."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it died before prctl
    os.umask(0o077)
    bound()
    candidate = _CANDIDATE.decode(sys.stdin.buffer.read())
    gc.freeze()
    uvloop.run(serve(candidate, socket.socket(fileno=descriptor)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
