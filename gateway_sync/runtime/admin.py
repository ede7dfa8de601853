"""The admin door on loopback: health, metrics in Prometheus' text format, status."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from http import HTTPStatus

from gateway_sync.runtime.compiled import compiled_root
from gateway_sync.runtime.metrics import METRICS, heading
from gateway_sync.runtime.stats import BUCKETS
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
            "/metrics": lambda: (200, _TEXT, self._metrics()),
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
        return (200, _JSON, '{"status":"ready"}') if is_ready else (503, _JSON, '{"status":"not ready"}')

    def _status(self) -> dict[str, object]:
        supervisor = self._supervisor
        manifest = supervisor.keeper.manifest
        return supervisor.report() | {
            "compiled": compiled_root() is not None,
            "environment": manifest.environment if manifest else "",
            "revision": manifest.revision if manifest else 0,
            "digest": manifest.digest if manifest else "",
            "access_seq": supervisor.keeper.access.seq,
            "problems": [{"code": code, "message": message} for code, message in supervisor.problems().items()],
            "control_plane_seen_s": self._unseen_s(),
            "usage": {
                "pending": supervisor.shipper.pending(),
                "shipped": supervisor.shipper.shipped,
                "refused_batches": supervisor.shipper.refused(),
                "indeterminate": supervisor.shipper.indeterminate,
                "spool_bytes": supervisor.shipper.spool_bytes(),
                "spool_limit_bytes": supervisor.shipper.limit_bytes,
            },
        }

    def _unseen_s(self) -> float | None:
        """Seconds since the control plane answered; None when it never did."""
        seen_at = self._supervisor.follower.seen_at
        return round(time.time() - seen_at, 1) if seen_at else None

    def _metrics(self) -> str:
        supervisor = self._supervisor
        manifest = supervisor.keeper.manifest
        samples: dict[str, list[str]] = {
            "apim_config_revision": [f" {manifest.revision if manifest else 0}"],
            "apim_access_seq": [f" {supervisor.keeper.access.seq}"],
            "apim_push_connected": [f" {int(supervisor.follower.is_push_connected)}"],
            "apim_usage_pending": [f" {supervisor.shipper.pending()}"],
            "apim_usage_indeterminate_total": [f" {supervisor.shipper.indeterminate}"],
            "apim_control_plane_unseen_seconds": [f" {self._unseen_s() or 0}"],
            "apim_usage_torn_segments_total": [f" {supervisor.shipper.torn}"],
            "apim_spool_bytes": [f" {supervisor.shipper.spool_bytes()}"],
            "apim_spool_limit_bytes": [f" {supervisor.shipper.limit_bytes}"],
            "apim_problem": [f'{{code="{code}"}} 1' for code in supervisor.problems()],
        }
        for slot in supervisor.slots:
            label = f'slot="{slot.number}"'
            counts = supervisor.stats_of(slot) | {"worker_restarts": slot.restarts}
            samples.setdefault("apim_event_loop_lag_seconds", []).append(
                f"{{{label}}} {int(str(counts.pop('loop_lag_us'))) / 1e6:.6f}"
            )
            latency = _latency_samples(label, counts.pop("latency"), counts.pop("latency_sum_us"))
            samples.setdefault("apim_latency_seconds", []).extend(latency)
            for name, count in counts.items():
                samples.setdefault(f"apim_{name}_total", []).append(f"{{{label}}} {count}")
        lines: list[str] = []
        for metric in METRICS:  # samples of one metric stand together, as the format wants it
            lines += heading(metric)
            lines += [metric.name + sample for sample in samples.get(metric.name, ())]
        return "\n".join(lines) + "\n"


def _latency_samples(label: str, buckets: object, total_us: object) -> list[str]:
    """The histogram of one slot, each bucket counting those below it as well."""
    lines = []
    reached = 0
    for position, count in enumerate(buckets if isinstance(buckets, list) else []):
        reached += count
        edge = "+Inf" if position == BUCKETS - 1 else f"{2**position / 1e6:.6f}"
        lines.append(f'_bucket{{{label},le="{edge}"}} {reached}')
    return [*lines, f"_count{{{label}}} {reached}", f"_sum{{{label}}} {int(str(total_us)) / 1e6:.6f}"]
