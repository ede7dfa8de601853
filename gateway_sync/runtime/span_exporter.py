"""SpanExporter: sends spans to a collector by OTLP over HTTP, from the supervisor and never from a worker.

Best effort: a bounded queue, batches, patience with a collector that is busy or away; what finds no room is counted.
Set up by OpenTelemetry's own variables of the environment, so that what works for other services works here.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import random
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import msgspec

from gateway_sync.runtime.core.otlp import encode_spans, span_count
from gateway_sync.runtime.generations import SOFTWARE_VERSION
from gateway_sync.trace_wire import CallTrace

logger = logging.getLogger(__name__)

EVERY_S = 1.0
LONGEST_PAUSE_S = 60.0
MOST_WAITING = 4096  # exchanges
MOST_AT_ONCE = 512
CONTENT_TYPE = "application/x-protobuf"
_RETRIED = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)


class Collector(msgspec.Struct, frozen=True):
    """Where spans go. Shapes: url "" = nowhere. Units: seconds."""

    url: str = ""
    fields: dict[str, str] = {}
    timeout_s: float = 10.0
    resource: dict[str, str] = {}


class CollectorInvalid(Exception):
    """The variables name no collector that could be sent to; the text says which and why."""


def read_collector(variables: Mapping[str, str] | None = None) -> Collector:
    """The collector that the environment names. Errors: CollectorInvalid."""
    given = os.environ if variables is None else variables
    url = given.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
    base = given.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if not url and base:
        url = base.rstrip("/") + "/v1/traces"
    if not url or given.get("OTEL_SDK_DISABLED", "").lower() == "true" or given.get("OTEL_TRACES_EXPORTER") == "none":
        return Collector()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f'OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL: "{url}". Write http://collector:4318.'
        raise CollectorInvalid(message)
    timeout = given.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") or given.get("OTEL_EXPORTER_OTLP_TIMEOUT") or "10000"
    if not timeout.isdecimal() or not int(timeout):
        message = f'OTEL_EXPORTER_OTLP_TIMEOUT is a number of milliseconds, not "{timeout}".'
        raise CollectorInvalid(message)
    fields = given.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or given.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    resource = {"service.name": "apim-gateway", "service.version": SOFTWARE_VERSION, "host.name": socket.gethostname()}
    resource |= dict(_pairs(given.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    if name := given.get("OTEL_SERVICE_NAME"):
        resource["service.name"] = name
    return Collector(url, dict(_pairs(fields)), int(timeout) / 1000, resource)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """`name=value,name=value`, percent-encoded, as W3C Baggage is."""
    for each in text.split(","):
        name, equals, value = each.partition("=")
        if equals and name.strip():
            yield name.strip(), unquote(value.strip())


class SpanExporter:
    """A SpanSink that sends."""

    def __init__(self, collector: Collector) -> None:
        """Nothing is connected before there is something to send."""
        self._collector = collector
        self._waiting: deque[CallTrace] = deque(maxlen=MOST_WAITING)
        self._tls = ssl.create_default_context() if collector.url.startswith("https:") else None
        self._resume_at = 0.0
        self._pause_s = EVERY_S
        self._is_complaining = False
        self._is_exporting = threading.Lock()  # the last time may be beside another, and takes what that puts back
        self.exported = 0
        self.dropped = 0

    def take(self, trace: CallTrace) -> None:
        """One exchange; the oldest goes when there is no room."""
        if len(self._waiting) == MOST_WAITING:
            self.dropped += span_count(self._waiting[0])
        self._waiting.append(trace)

    def waiting(self) -> int:
        """Spans that were not sent yet."""
        return sum(map(span_count, list(self._waiting)))

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            if self._waiting and time.monotonic() >= self._resume_at:
                await asyncio.to_thread(self.export)

    def export(self) -> None:
        """Send what waits, after what another thread is sending. Errors: none."""
        with self._is_exporting:
            self._export()

    def _export(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            count = sum(map(span_count, batch))
            status, wait_s, reason = self._post(encode_spans(batch, self._collector.resource, SOFTWARE_VERSION))
            if status == HTTPStatus.OK:
                self.exported += count
                self._pause_s, self._is_complaining = EVERY_S, False
                continue
            self._complain(reason)
            if status and status not in _RETRIED:
                self.dropped += count  # it will never take these
                continue
            self._put_back(batch)
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
            jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
            self._resume_at = time.monotonic() + (wait_s or self._pause_s * jitter)
            return

    def _put_back(self, batch: list[CallTrace]) -> None:
        room = MOST_WAITING - len(self._waiting)
        lost = batch[: max(0, len(batch) - room)]
        self.dropped += sum(map(span_count, lost))
        self._waiting.extendleft(reversed(batch[len(lost) :]))

    def _post(self, body: bytes) -> tuple[int, float, str]:
        """Status, 0 when no answer came; how long to wait, 0 = not said; what to tell."""
        parts = urlsplit(self._collector.url)
        host, timeout_s = parts.hostname or "", self._collector.timeout_s
        connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", path, body, {**self._collector.fields, "Content-Type": CONTENT_TYPE})
            answer = connection.getresponse()
            content = answer.read(1000)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, 0.0, str(error)
        finally:
            connection.close()
        after = answer.headers.get("Retry-After", "")
        wait_s = min(float(after), LONGEST_PAUSE_S) if after.isdecimal() else 0.0
        return answer.status, wait_s, f"status {answer.status}: {content[:200].decode(errors='replace')}"

    def _complain(self, reason: str) -> None:
        if not self._is_complaining:
            logger.warning("spans were not taken by %s: %s", urlsplit(self._collector.url).netloc, reason)
        self._is_complaining = True
