"""A control plane that hands over what a test gives it, and keeps who asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """What came in."""

    path: str
    authorization: str
    body: Mapping[str, Any]


class Desk(HTTPServer):
    """Answers with what is given, as it is told to."""

    def __init__(self, given: Mapping[str, object]) -> None:
        """Listens at once; `opened` serves."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.given = given
        self.asked: list[Asked] = []
        self.status = 200
        self.is_silent = False  # hangs up without an answer

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        self.server.asked.append(Asked(self.path, self.headers["Authorization"], body))
        if self.server.is_silent:
            self.close_connection = True
            return
        content = json.dumps(self.server.given).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def opened(given: Mapping[str, object]) -> Iterator[Desk]:
    """A desk that serves for as long as the block lasts."""
    with Desk(given) as desk:
        thread = Thread(target=desk.serve_forever, args=(0.01,))
        thread.start()
        yield desk
        desk.shutdown()
        thread.join()
