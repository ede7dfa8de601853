"""A service that speaks HTTP/2 in clear text, as a test has it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, TrailersReceived
from h2.exceptions import H2Error

Fields = list[tuple[str, str]]
Script = Callable[["Service", socket.socket, H2Connection, int], None]
OK: Fields = [(":status", "200"), ("content-type", "text/plain")]


def answer_ok(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, OK)
    h2.send_data(number, b"ok", end_stream=True)


@dataclass
class Service:
    """A server of HTTP/2 in clear text whose answers a test writes."""

    script: Script = answer_ok
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    trailers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self, peer: socket.socket) -> None:
        config = H2Configuration(
            client_side=False,
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        h2 = H2Connection(config)
        h2.initiate_connection()
        peer.sendall(h2.data_to_send())
        heads: dict[int, dict[str, str]] = {}
        bodies: dict[int, bytes] = {}
        with suppress(OSError, H2Error):
            while data := peer.recv(65_536):
                for event in h2.receive_data(data):
                    match event:
                        case RequestReceived():
                            heads[event.stream_id or 0] = {str(name): str(value) for name, value in event.headers or ()}
                        case DataReceived():
                            number = event.stream_id or 0
                            bodies[number] = bodies.get(number, b"") + (event.data or b"")
                            h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
                        case TrailersReceived():
                            self.trailers.append({str(name): str(value) for name, value in event.headers or ()})
                        case StreamEnded():
                            number = event.stream_id or 0
                            self.requests.append((heads[number], bodies.get(number, b"")))
                            self.script(self, peer, h2, number)
                peer.sendall(h2.data_to_send())
        peer.close()
