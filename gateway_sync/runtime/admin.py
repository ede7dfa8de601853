"""The admin door on loopback: health, metrics in Prometheus' text format, status."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from gateway_sync.runtime.compiled import compiled_root
from gateway_sync.runtime.exposition import exposition
from gateway_sync.runtime.generations import age_of
from gateway_sync.runtime.supervisor import Supervisor

READ_S = 5.0
_JSON, _TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"

Answer = tuple[int, str, str]


class Admin:
    """Answers GET requests, one a connection."""

    def __init__(self, supervisor: Supervisor) -> None:
        """Reads the supervisor, changes nothing."""
        self._supervisor = supervisor
        self._pages: dict[str, Callable[[], Answer]] = {
            "/healthz/live": lambda: (200, _JSON, '{"status":"ok"}'),
            "/healthz/ready": self._ready,
            "/metrics": lambda: (200, _TEXT, exposition(self._supervisor)),
            "/status": lambda: (200, _JSON, json.dumps(self._status())),
        }

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            async with asyncio.timeout(READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
                status, content_type, body = self._answer(head)
                content = body.encode()
                writer.write(
                    f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {content_type}\r\n"
                    f"Content-Length: {len(content)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n".encode()
                )
                if not head.startswith(b"HEAD "):
                    writer.write(content)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # nobody is left to answer
        finally:
            writer.close()

    def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.partition(b" ")
        if method not in (b"GET", b"HEAD"):
            return 405, _JSON, '{"status":"method not allowed"}'
        path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
        page = self._pages.get(path)
        return page() if page else (404, _JSON, '{"status":"not found"}')

    def _ready(self) -> Answer:
        is_ready = self._supervisor.is_ready()
        if self._supervisor.standing.is_draining:
            return 503, _JSON, '{"status":"draining"}'
        return (200, _JSON, '{"status":"ready"}') if is_ready else (503, _JSON, '{"status":"not ready"}')

    def _status(self) -> dict[str, object]:
        supervisor = self._supervisor
        manifest = supervisor.keeper.manifest
        return supervisor.host.whole() | {
            "compiled": compiled_root() is not None,
            "is_draining": supervisor.standing.is_draining,
            "targets": msgspec.to_builtins(supervisor.targets.targets()),
            "events": msgspec.to_builtins(list(supervisor.targets.events)),
            "environment": manifest.environment if manifest else "",
            "revision": manifest.revision if manifest else 0,
            "digest": manifest.digest if manifest else "",
            "access_seq": supervisor.keeper.access.seq,
            "problems": [{"code": code, "message": message} for code, message in supervisor.problems().items()],
            "control_plane_seen_s": supervisor.follower.unseen_s(),
            "access_age_s": supervisor.keeper.vouching.age_s(),
            "max_revocation_age_s": supervisor.keeper.vouching.most_s,
            "config_age_s": age_of(supervisor.keeper.generation),
            "usage": {
                "pending": supervisor.shipper.pending(),
                "shipped": supervisor.shipper.shipped,
                "refused_batches": supervisor.shipper.refused(),
                "indeterminate": supervisor.shipper.indeterminate,
                "spool_bytes": supervisor.shipper.spool_bytes(),
                "spool_limit_bytes": supervisor.shipper.limit_bytes,
            },
        }
