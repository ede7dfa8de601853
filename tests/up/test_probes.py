"""Which answers of a child say that it does its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from apim.up.probes import gateway_answers


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Nothing: tests read no log."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "is_up"),
    [
        (200, b'{"status":"ready"}', True),
        (503, b'{"status":"draining"}', True),
        (503, b'{"status":"not ready"}', False),
        (503, b"", False),
    ],
)
def test_a_gateway_that_drains_keeps_nothing_else_from_starting(status: int, body: bytes, is_up: bool) -> None:
    with answering(status, body) as url:
        assert gateway_answers(url) is is_up


def test_a_gateway_that_does_not_listen_is_not_up() -> None:
    with answering(200, b"") as url:
        pass
    assert not gateway_answers(url)
