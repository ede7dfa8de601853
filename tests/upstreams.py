"""Services behind the gateway, for tests: one that echoes, and a base for those that speak a protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it arrived. Shapes: target as on the wire; headers with names in lower case, in order."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for known, value in self.headers if known == name]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answers."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def echo(arrival: Arrival) -> Reply:
    """What arrived, told back."""
    told = {"method": arrival.method, "target": arrival.target, "length": len(arrival.body)}
    return Reply(json.dumps(told).encode())


class Upstream:
    """A service on a free port for as long as the block lasts."""

    def __init__(self, answer: Callable[[Arrival], Reply] = echo) -> None:
        self.arrivals: list[Arrival] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _answer(self) -> None:
                arrival = Arrival(
                    self.command,
                    self.requestline.split(" ")[1],
                    tuple((name.lower(), value) for name, value in self.headers.items()),
                    self._body(),
                )
                upstream.arrivals.append(arrival)
                reply = answer(arrival)
                head = [f"HTTP/1.1 {reply.status} OK", f"Content-Type: {reply.content_type}"]
                head += [f"{name}: {value}" for name, value in reply.headers.items()]
                head.append(f"Content-Length: {len(reply.body)}")
                body = b"" if arrival.method == "HEAD" else reply.body
                self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = _answer  # noqa: N815

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                chunks = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def log_message(self, *_: object) -> None:
                """Nothing: the test tells."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
