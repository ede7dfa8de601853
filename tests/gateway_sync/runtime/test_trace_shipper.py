"""Shipping what workers explained: real rings on disk, a real control plane over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gateway_sync.runtime.control_plane import ControlPlane
from gateway_sync.runtime.credentials import Doors
from gateway_sync.runtime.trace_ring import TraceRing, ring_path
from gateway_sync.runtime.trace_shipper import TraceShipper
from gateway_sync.trace_wire import CallTrace, decode_body, encode_trace
from tests.waiting import PATIENCE_S


class SlowControlPlane:
    """Keeps the ids of traces that it was told, and answers once it is let."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.is_asked, self.may_answer = threading.Event(), threading.Event()


@contextmanager
def serving(plane: SlowControlPlane) -> Iterator[str]:
    """The address of the control plane."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            plane.ids += [trace.request_id for trace in decode_body(body)]
            plane.is_asked.set()
            plane.may_answer.wait(PATIENCE_S)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        plane.may_answer.set()
        server.shutdown()
        server.server_close()


def test_a_gateway_that_ends_while_traces_are_handed_in_hands_each_in_once(tmp_path: Path) -> None:
    ring, plane = TraceRing(ring_path(tmp_path, 0)), SlowControlPlane()
    with serving(plane) as url:
        shipper = TraceShipper(tmp_path, ControlPlane(lambda: Doors(url, "token")), 1)
        ring.write(encode_trace(CallTrace("first", 1, "refused", 403, 1)))
        shipper.read()
        under_way = threading.Thread(target=shipper.ship)
        under_way.start()
        assert plane.is_asked.wait(PATIENCE_S)
        ring.write(encode_trace(CallTrace("second", 2, "refused", 403, 1)))
        shipper.ship_last()
        plane.may_answer.set()
        under_way.join(PATIENCE_S)
    assert plane.ids == ["first", "second"]
    assert (shipper.shipped, shipper.waiting(), shipper.dropped) == (2, 0, 0)
