"""A JSON-over-HTTP server of a few lines for the sample services: a table of routes, one thread a connection.

Owns: HTTP. Must not know: what the services do.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

MAX_BODY_BYTES = 1 << 20
DELAY_HEADER, STATUS_HEADER = "x-demo-delay-ms", "x-demo-status"  # how a caller asks the service to misbehave
LONGEST_DELAY_MS = 10_000
_FIRST_FAULT, _LAST_FAULT = 400, 599
_IDLE_S = 120


@dataclass(frozen=True, slots=True)
class Request:
    """Shapes: path values by name; the last of repeated query fields; headers by lower-case name; body None = none."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """Shapes: body None sends none."""

    status: int
    body: object = None


Operation = Callable[[Request], Answer]


class RefusedError(Exception):
    """What the service does not do, as its answer says it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Shapes: code and message are the fields of the contract's Error."""
        super().__init__(message)
        self.answer = Answer(status, {"code": code, "message": message})


class Service:
    """Routes of one service: "GET /accounts/{id}" -> operation."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        """Compile the templates."""
        routes = {"GET /healthz": _tell_health, **operations}
        self._routes = [(*_compile(route), operation) for route, operation in routes.items()]

    def answer(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What the service says to one request."""
        url = urlsplit(target)
        allowed = []
        for route_method, pattern, operation in self._routes:
            match = pattern.fullmatch(url.path)
            if match is None:
                continue
            if route_method != method:
                allowed.append(route_method)
                continue
            try:
                _obey_faults(headers)
                request = Request(match.groupdict(), dict(parse_qsl(url.query)), _decode(body), headers)
                return operation(request)
            except RefusedError as refused:
                return refused.answer
        if allowed:
            message = f"{url.path} takes {', '.join(allowed)}."
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, {"code": "method-not-allowed", "message": message})
        return Answer(HTTPStatus.NOT_FOUND, {"code": "not-found", "message": f"There is nothing at {url.path}."})


def serve(service: Service) -> None:
    """Serve on the --port of the command line until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    with Server((arguments.host, arguments.port), _handler_of(service)) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class Server(ThreadingHTTPServer):
    """Threads end with the process, and a burst of connections waits instead of being refused."""

    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """Report what went wrong, except that the other side hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _compile(route: str) -> tuple[str, re.Pattern[str]]:
    method, template = route.split(" ", 1)
    return method, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)))


def _obey_faults(headers: Mapping[str, str]) -> None:
    """Be as slow and as broken as the caller asks. Errors: RefusedError with the status asked for."""
    delay_ms, status = _number(headers.get(DELAY_HEADER, "")), _number(headers.get(STATUS_HEADER, ""))
    if delay_ms:
        time.sleep(min(delay_ms, LONGEST_DELAY_MS) / 1000)
    if _FIRST_FAULT <= status <= _LAST_FAULT:
        raise RefusedError(status, "demo-fault", f"The caller asked for {status} in {STATUS_HEADER}.")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LONGEST_DELAY_MS)) else 0


def _decode(body: bytes) -> object:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "bad-request", "The body is not JSON.") from error


def _handler_of(service: Service) -> type[BaseHTTPRequestHandler]:
    class RequestHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body leave in one write
        timeout = _IDLE_S

        def respond(self) -> None:
            try:
                length = int(self.headers.get("Content-Length") or 0)
            except ValueError:
                length = -1
            if not 0 <= length <= MAX_BODY_BYTES or self.headers.get("Transfer-Encoding"):
                self.close_connection = True
                self._send(
                    Answer(
                        HTTPStatus.BAD_REQUEST,
                        {"code": "bad-request", "message": "The body needs a length up to 1 MiB."},
                    )
                )
                return
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(service.answer(self.command, self.path, body, headers))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = respond

        def _send(self, answer: Answer) -> None:
            content = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            if answer.body is not None:
                self.send_header("Content-Type", "application/json")
            if answer.status != HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Nothing: a demo under load would fill its log."""

    return RequestHandler


def _tell_health(_request: Request) -> Answer:
    return Answer(HTTPStatus.OK, {"status": "ok"})
