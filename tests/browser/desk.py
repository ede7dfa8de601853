"""A tab of Chromium that Django answers without a product: whoever sits there, on the database connection of a test.

A small server of this process stands between them, so that the browser keeps style sheets, scripts and fonts from page
to page as it does for people. Headers, the content security policy with them, are the application's own.
"""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from playwright.sync_api import Page

from tests.browser.complaints import Complaints

HELD_BY_US = {"content-length", "transfer-encoding", "connection"}  # the server's own to say


class Desk:
    """A tab whose requests Django answers to whoever sits there. Shapes: origin is one that browsers trust as HTTPS."""

    def __init__(self, page: Page, origin: str, answering: Executor) -> None:
        """Nobody sits there yet."""
        self.page = page
        self.origin = origin
        self.client = Client()
        self.complaints = Complaints(frozenset())
        self.failing: dict[str, int] = {}  # the status that a path is answered with by nobody we know
        self.answers_after_s = 0.0
        self._answering = answering
        self._rendered: dict[str, HttpResponseBase] = {}

    def open(self, path: str, rendered: HttpResponseBase | None = None) -> None:
        """The page, which is not asked for again where it was rendered already."""
        if rendered is not None:
            self._rendered[path] = rendered
        answer = self.page.goto(self.origin + path, wait_until="load")
        assert answer is not None
        assert rendered is None or answer.status == rendered.status_code, path

    def answer(self, path: str, headers: dict[str, str], sent: tuple[str, bytes] | None = None) -> HttpResponseBase:
        """What the browser is told. Shapes: sent = the type and the body of a POST."""
        time.sleep(self.answers_after_s)
        if status := self.failing.get(urlsplit(path).path):
            return HttpResponse(status=status)
        if sent is not None:
            post = partial(self.client.generic, "POST", path, sent[1], sent[0], headers=headers)
            return self._answering.submit(post).result()
        return self._rendered.pop(path, None) or self.ask(path, headers)

    def ask(self, path: str, headers: dict[str, str] | None = None) -> HttpResponseBase:
        """What Django says, without the browser; from the one thread that may use the test's connection."""
        return self._answering.submit(self.client.get, path, headers=headers).result()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    desk: Desk


class _Answer(BaseHTTPRequestHandler):
    """One request of the browser: a static file, which it may keep, or what Django says."""

    protocol_version = "HTTP/1.1"  # connections stay open
    server: _Server

    def do_GET(self) -> None:
        """Answer."""
        path = urlsplit(self.path).path
        if path.startswith("/static/"):
            found = finders.find(path.removeprefix("/static/"))
            body = Path(found).read_bytes() if isinstance(found, str) else b""
            media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
            self._send(200 if body else 404, {"Content-Type": media_type, "Cache-Control": "max-age=3600"}, body)
        elif path == "/live":  # a stream that would have no end
            self._send(200, {"Content-Type": "text/event-stream"}, b"")
        else:
            self._tell(self.server.desk.answer(self.path, self._asked()))

    def do_POST(self) -> None:
        """Answer what is sent."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = (self.headers.get("Content-Type", ""), body)
        self._tell(self.server.desk.answer(self.path, self._asked(), sent))

    def _asked(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower().startswith("hx-")}

    def _tell(self, answer: HttpResponseBase) -> None:
        told = {name: value for name, value in answer.items() if name.lower() not in HELD_BY_US}
        self._send(answer.status_code, told, getattr(answer, "content", b""))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that its base gives
        """Nothing: the browser tells what went wrong."""

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # of a part of a page that the browser left meanwhile
            self.wfile.write(body)


@contextmanager
def served(page: Page, answering: Executor) -> Iterator[Desk]:
    """A desk for as long as the block lasts."""
    with _Server(("127.0.0.1", 0), _Answer) as server:
        server.desk = Desk(page, f"http://127.0.0.1:{server.server_port}", answering)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.desk
        finally:
            server.shutdown()
            thread.join()
