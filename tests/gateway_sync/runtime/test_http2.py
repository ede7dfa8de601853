"""What goes wrong with one stream of a caller's connection stays with that stream.

Promise R1.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, StreamReset

from gateway_sync.runtime.bounds import Bounds
from gateway_sync.runtime.core.budgets import Budget
from gateway_sync.runtime.core.hosts import TLSPeer
from gateway_sync.runtime.http2 import HTTP2Connection
from tests.gateway_sync.runtime.wires import Wire

if TYPE_CHECKING:
    import asyncio

    from gateway_sync.runtime.serving import Serving


@pytest.mark.parametrize("fails_at", ["", "request_head"])
def test_a_bug_at_one_request_resets_its_stream_alone(fails_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fails_at:
        monkeypatch.setattr(f"gateway_sync.runtime.http2.{fails_at}", None)  # before there is a request
    # Nothing that a request needs is here, so that serving one fails, and so does refusing it.
    serving = SimpleNamespace(
        clock=0.0, stats=[0] * 1000, clients=set(), max_clients=100, bounds=Bounds(), unsent=Budget(10_000),
        leave=lambda _: None,
    )  # fmt: skip
    wire = Wire()
    connection = HTTP2Connection(cast("Serving", serving), TLSPeer("a", ()))
    connection.connection_made(cast("asyncio.Transport", wire))
    caller = H2Connection(H2Configuration(client_side=True))
    caller.initiate_connection()
    for number in (1, 3):
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
        caller.send_headers(number, fields, end_stream=True)
        connection.data_received(caller.data_to_send())
        events = caller.receive_data(wire.written)
        wire.written = b""
        assert [event.error_code for event in events if isinstance(event, StreamReset)] == [ErrorCodes.INTERNAL_ERROR]
        assert not [event for event in events if isinstance(event, ConnectionTerminated)]
    assert not wire.is_closed
    assert serving.clients == {connection}
