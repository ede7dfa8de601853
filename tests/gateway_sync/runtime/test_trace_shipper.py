"""Shipping what workers explained: real rings on disk, a real control plane over HTTP."""

from __future__ import annotations

import threading
from pathlib import Path

from gateway_sync.runtime.control_plane import ControlPlane
from gateway_sync.runtime.credentials import Doors
from gateway_sync.runtime.trace_ring import TraceRing, ring_path
from gateway_sync.runtime.trace_shipper import TraceShipper
from gateway_sync.trace_wire import CallTrace, decode_body, encode_trace
from tests.upstreams import Arrival, Reply, Upstream
from tests.waiting import PATIENCE_S


class SlowControlPlane:
    """Keeps the ids of traces that it was told, and answers once it is let."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def answer(self, arrival: Arrival) -> Reply:
        self.ids += [trace.request_id for trace in decode_body(arrival.body)]
        self.is_asked.set()
        self.may_answer.wait(PATIENCE_S)
        return Reply(b"")


def test_a_gateway_that_ends_while_traces_are_handed_in_hands_each_in_once(tmp_path: Path) -> None:
    ring, plane = TraceRing(ring_path(tmp_path, 0)), SlowControlPlane()
    with Upstream(plane.answer) as listening:
        shipper = TraceShipper(tmp_path, ControlPlane(lambda: Doors(listening.url, "token")), 1)
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
