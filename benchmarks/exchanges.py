"""What an exchange costs in the gateway's own code: real bytes in, real bytes out, transports that only remember.

Run as `python -m benchmarks.exchanges`, it prints nanoseconds an exchange for a plain version and for one with each
policy kind alone, of whatever build of the gateway it imports.
"""

from __future__ import annotations

import gc
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from benchmarks.interpreters import best_interpreter
from benchmarks.load import HEADERS
from benchmarks.state import PEPPER, Size, access_records, calls_of, make_state
from benchmarks.subjects import BODY, COMPILED, ROOT, Bench, Extent, builds
from gateway_sync.rows import PolicyRow
from gateway_sync.runtime.bounds import Given
from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.compiled import compiled_root
from gateway_sync.runtime.core.access import Record
from gateway_sync.runtime.core.admission import Gate
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.runtime.inflight import Inflight
from gateway_sync.runtime.limit_cells import LimitCells
from gateway_sync.runtime.serving import Serving
from gateway_sync.runtime.spool import Spool
from gateway_sync.runtime.stats import open_cells
from gateway_sync.runtime.upstream import UpstreamConnection
from gateway_sync.runtime.usage_cells import UsageCells
from gateway_sync.snapshot import decode

SIZE = Size(routes=100, keys=1000)
CONNECTIONS = 32
BATCH = 2000
BOOT = "b" * 16
KINDS: dict[str, Mapping[str, object]] = {  # settings by which the call goes on
    "cors": {"origins": ["https://app.example.com"]},
    "ip-filter": {"allow": ["127.0.0.0/8"]},
    "rate-limit": {"limit": "1000000/s", "burst": 1000000, "by": "credential"},
    "concurrency-limit": {"most": 1000, "by": "application"},
    "size-limit": {"max": "1MiB"},
    "compression": {"least": "2KiB"},
    "response-headers": {"set": {"Cache-Control": "no-store"}},
    "request-headers": {"set": {"X-Application": "{application.id}"}, "remove": ["Cookie"]},
    "query": {"set": {"client": "shop"}},
    "path-rewrite": {"prefix": "/v2"},
}
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 13:22:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%s" % (len(BODY), BODY.encode())
)


class Table:
    """Access records in a dictionary."""

    def __init__(self) -> None:
        """Those of the benchmark."""
        self._records = {(kind, key): body for kind, key, body in access_records(SIZE)}

    def find(self, kind: str, key: str) -> Record | None:
        """One record."""
        return self._records.get((kind, key))

    def subscriptions_of(self, application: str) -> list[tuple[str, Record]]:
        """The subscriptions of an application."""
        held = [(key, body) for (kind, key), body in self._records.items() if kind == "subscription"]
        return [(key, body) for key, body in held if application in cast("list[str]", body["applications"])]


class Wire:
    """A transport that keeps what was written last."""

    def __init__(self) -> None:
        """Nothing was written."""
        self.written = b""

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written = data

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_extra_info(self, name: str) -> object:
        """A peer on loopback, and nothing else."""
        return ("127.0.0.1", 5555) if name == "peername" else None


class Loop:
    """One worker's serving state between callers and an upstream of this process."""

    def __init__(self, folder: Path, policies: tuple[PolicyRow, ...]) -> None:
        """Everything is connected."""
        state = make_state(SIZE, 9, policies=policies)
        snapshot = decode({name: state.fragments[digest].encode() for name, digest in state.manifest.fragments.items()})
        index = Index(snapshot.environment, snapshot.products, 1, "")
        for _ in build_index(index, snapshot.apis):
            pass
        (folder / "spool").mkdir()
        gate = Gate(index, Table(), lambda key: hmac.digest(PEPPER, key, "sha256").hex(), b"apim")
        self.serving = Serving(
            gate, LimitCells(folder / "limits.map", is_shared=False), Spool(folder / "spool", BOOT, 0, 2**40),
            UsageCells(folder / "cells"), open_cells(folder / "stats"), BOOT, 8080, (), Given(),
        )  # fmt: skip
        self.serving.inflight = Inflight(folder / "inflight.map", 0, 1)
        pool = self.serving.pool_of(next(iter(index.versions.values())).targets[0])
        self._upstream = UpstreamConnection(pool)  # the pool hands out the one that was used last: always this
        self._upstream.connection_made(cast("object", Wire()))  # type: ignore[arg-type]
        pool.put_back(self._upstream)
        self._clients = [ClientConnection(self.serving) for _ in range(CONNECTIONS)]
        for client in self._clients:
            client.connection_made(cast("object", Wire()))  # type: ignore[arg-type]
        fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        self._requests = [
            f"GET {call.path} HTTP/1.1\r\nHost: gateway\r\n{fields}X-API-Key: {call.key}\r\n"
            f"X-Request-Id: req-{number:08d}\r\n\r\n".encode()
            for number, call in enumerate(calls_of(SIZE))
        ]

    def run(self) -> None:
        """BATCH exchanges. Errors: RuntimeError when a call is not answered with 200."""
        for number in range(BATCH):
            client = self._clients[number % CONNECTIONS]
            client.data_received(self._requests[number % len(self._requests)])
            if self._upstream.receiver is None:
                raise RuntimeError(_written(client))
            self._upstream.data_received(_ANSWER)
        self.serving.spool.prepare()
        if not _written(client).startswith("HTTP/1.1 200 "):
            raise RuntimeError(_written(client))


def _written(client: ClientConnection) -> str:
    return cast("Wire", cast("object", client.transport)).written.decode()


def cost_ns(policies: tuple[PolicyRow, ...], rounds: int) -> int:
    """Nanoseconds of processor time an exchange, the least of the rounds: whatever else runs only adds to it."""
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(Path(folder), policies)
        loop.run()
        gc.collect()
        gc.freeze()
        costs = []
        for _ in range(rounds):
            began = time.process_time_ns()
            loop.run()
            costs.append((time.process_time_ns() - began) // BATCH)
    return min(costs)


def kinds(_bench: Bench, extent: Extent) -> dict[str, object]:
    """Nanoseconds an exchange of each build: plain, and what each policy kind alone adds."""
    interpreter = best_interpreter()
    told: dict[str, object] = {}
    for build in builds():
        copy = compiled_root() if build is COMPILED else None
        environment = interpreter.environment(*([str(copy)] if copy else []), str(ROOT))
        command = [interpreter.program, "-P", "-m", "benchmarks.exchanges", "2" if extent.is_short else "20"]
        ended = subprocess.run(
            command, env=environment, cwd=tempfile.gettempdir(), capture_output=True, text=True, check=True
        )
        told[build.title] = json.loads(ended.stdout)
    return told


def main() -> None:
    """Print the costs as JSON."""
    rounds = int(sys.argv[1])
    costs = {"plain": cost_ns((), rounds)}
    for kind, settings in KINDS.items():
        costs[f"+ {kind}"] = cost_ns((PolicyRow(kind, dict(settings)),), rounds) - costs["plain"]
    os.write(1, json.dumps(costs).encode())


if __name__ == "__main__":
    main()
