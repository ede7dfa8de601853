"""A collector of spans: the receiving side of OTLP over HTTP, reading with OpenTelemetry's own messages."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.waiting import PATIENCE_S


class Collector:
    """Keeps the spans it is sent; what it answers is for the test to say."""

    def __init__(self) -> None:
        """Listens at once."""
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []
        self.fields: list[dict[str, str]] = []
        self.answers: list[int] = []  # of the next requests, then 200
        self._held: tuple[threading.Event, threading.Event] | None = None
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = collector.answers.pop(0) if collector.answers else 200
                collector.wait()
                collector.fields.append(
                    {"path": self.path, **{name.lower(): text for name, text in self.headers.items()}}
                )
                if status == 200:
                    collector.keep(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
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

    def hold(self) -> tuple[threading.Event, threading.Event]:
        """Set once the next request came, and what lets it be answered."""
        self._held = threading.Event(), threading.Event()
        return self._held

    def wait(self) -> None:
        """Hold a request, where a test said so."""
        held, self._held = self._held, None
        if held is not None:
            held[0].set()
            held[1].wait(PATIENCE_S)

    def keep(self, body: bytes) -> None:
        """Read a request as OpenTelemetry's own code does."""
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans += scope.spans


def attributes_of(span: Span) -> dict[str, str | int]:
    """Its attributes by name."""
    return {
        each.key: each.value.string_value if each.value.HasField("string_value") else each.value.int_value
        for each in span.attributes
    }
