"""A control plane that only keeps: the doors of the wire protocol over real HTTP, with what a test sets."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import msgspec
from redis import Redis, RedisError

from gateway_sync.delivery.relaying import relay
from gateway_sync.runtime.lease_words import decode_saying
from gateway_sync.snapshot import Snapshot
from gateway_sync.trace_wire import CallTrace, decode_body
from gateway_sync.usage_wire import UsageCell, UsageEvent, decode_batch, encode_ack
from tests.wire.gateways import Home, Record


class KeepingControlPlane:
    """Serves what `publish` and `change` were given; keeps reports and usage, each (boot, seq or cells_id) once."""

    def __init__(self, home: Home, host: str = "127.0.0.1") -> None:
        """Listens at once, at this address; the home is told where."""
        self.home = home
        self.manifest: dict[str, object] | None = None
        self.fragments: dict[str, str] = {}
        self.trial: dict[str, object] | None = None  # what one worker is to serve instead
        self.log: list[Record] = []
        self.events: dict[tuple[str, int], UsageEvent] = {}
        self.duplicates = 0
        self.cells: list[UsageCell] = []
        self.cells_ids: set[tuple[str, int]] = set()  # with their boots
        self.reports: list[dict[str, object]] = []
        self.traces: dict[str, CallTrace] = {}
        self.traces_told = b""  # as they came
        self.rubbish: bytes | None = None  # what sync questions are answered with instead
        self.asked = 0
        self.is_down = False  # answers 503 to everything
        self.redis: Redis | None = None  # where gateways that do not reach it meet the others
        self.usage_status = 200  # what usage is answered with
        self._changed = threading.Condition()
        plane = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                door = self.path.rpartition("/")[2]
                status = 503 if plane.is_down else plane.usage_status if door == "usage" else 200
                try:
                    answer = plane.answer(door, body) if status == 200 else b""
                except RedisError:
                    status, answer = 503, b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                with suppress(ConnectionError):  # a gateway that stops hangs up
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        home.control_url = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Self:
        """Ready."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closed."""
        self._server.shutdown()
        self._server.server_close()

    def publish(self, snapshot: Snapshot) -> None:
        """Put a new state in force."""
        manifest, fragments = self.home.sign(snapshot)
        with self._changed:
            self.manifest = asdict(manifest)
            self.fragments |= fragments
            self._changed.notify_all()

    def try_out(self, snapshot: Snapshot | None) -> None:
        """Have one worker try a new state; None ends that."""
        manifest, fragments = self.home.sign(snapshot) if snapshot is not None else (None, {})
        with self._changed:
            self.trial = asdict(manifest) if manifest is not None else None
            self.fragments |= fragments
            self._changed.notify_all()

    def take_over(self) -> None:
        """Put what was tried in force."""
        with self._changed:
            self.manifest, self.trial = self.trial, None
            self._changed.notify_all()

    def change(self, records: list[Record]) -> None:
        """Append access records to the log; its length is the sequence number."""
        with self._changed:
            self.log += records
            self._changed.notify_all()

    def answer(self, door: str, body: bytes) -> bytes:
        """What a door says."""
        if door == "usage":
            batch = decode_batch(body)
            for event in batch.records:
                self.duplicates += (batch.boot, event.seq) in self.events
                self.events[batch.boot, event.seq] = event
            if (batch.boot, batch.cells_id) not in self.cells_ids:
                self.cells += batch.cells
                self.cells_ids.add((batch.boot, batch.cells_id))
            return encode_ack(batch.last_seq)
        if door == "traces":
            self.traces |= {trace.request_id: trace for trace in decode_body(body)}
            self.traces_told += body
            return b"{}"
        if door == "limits":
            if self.redis is None:
                raise RedisError
            return msgspec.msgpack.encode(relay(decode_saying(body), "relayed", self.redis))
        ask = json.loads(body)
        if door == "report":
            self.reports.append(ask)
            return b"{}"
        self.asked += 1
        if self.rubbish is not None:
            return self.rubbish
        deadline = time.monotonic() + min(ask["wait_s"], 5)
        with self._changed:
            while not self._news(ask) and time.monotonic() < deadline:
                self._changed.wait(0.1)
            return msgspec.json.encode(self._update(ask))

    def _news(self, ask: dict[str, object]) -> bool:
        known = self.manifest["digest"] if self.manifest else ""
        tried = self.trial["digest"] if self.trial else ""
        return (ask["digest"], ask["access_seq"], ask["trial"]) != (known, len(self.log), tried)

    def _update(self, ask: dict[str, object]) -> dict[str, object]:
        after = int(str(ask["access_seq"]))
        have = ask["have"]
        assert isinstance(have, list)
        is_new = self.manifest is not None and self.manifest["digest"] != ask["digest"]
        return {
            "environment": "default",
            "manifest": self.manifest if is_new else None,
            "trial": {"digest": self.trial["digest"], "manifest": self.trial} if self.trial else {},
            "fragments": {key: text for key, text in self.fragments.items() if key not in have},
            "access": self.home.page(after, len(self.log), self.log[after:], is_full=after == 0),
        }
