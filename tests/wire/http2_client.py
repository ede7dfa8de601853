"""A client of HTTP/2 that sends what a test says, sound or not, by the h2 library without its checks."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from h2 import events as h2_events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import StreamClosedError

from tests.wire.gateways import KEY
from tests.wire.tls_gateways import connect

Fields = list[tuple[str, str]]
PATH = "/bank/v1/accounts"


@dataclass
class Answered:
    """What came back on a stream. Shapes: status 0 = nothing yet; reset is the error code, -1 = none."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    interim: list[int] = field(default_factory=list)
    is_ended: bool = False
    reset: int = -1

    @property
    def is_over(self) -> bool:
        """True when nothing more will come."""
        return self.is_ended or self.reset >= 0


class HTTP2Client:
    """One connection."""

    def __init__(self, port: int, context: ssl.SSLContext, host: str, *, acknowledges: bool = True) -> None:
        """Connected, the handshake done; acknowledges = takes what comes, else lets the windows run out."""
        context.set_alpn_protocols(["h2"])
        self.host = host
        self.socket = connect(port, context, host)
        self.protocol = self.socket.selected_alpn_protocol()
        config = H2Configuration(
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            split_outbound_cookies=False,
        )
        self.h2 = H2Connection(config)
        self.answers: dict[int, Answered] = {}
        self.goaway = -1
        self.acknowledges = acknowledges
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        """Ready."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closed."""
        self.socket.close()

    def flush(self) -> None:
        """Send what is ready."""
        self.socket.sendall(self.h2.data_to_send())

    def head(
        self, path: str = "/bank/v1/accounts", method: str = "GET", more: Iterable[tuple[str, str]] = ()
    ) -> Fields:
        """The header section of a sound request with the key."""
        return [
            (":method", method),
            (":scheme", "https"),
            (":authority", self.host),
            (":path", path),
            ("x-api-key", KEY),
            *more,
        ]

    def request(self, fields: Fields, body: bytes | None = None, *, is_whole: bool = True) -> int:
        """The number of the stream on which a request was sent."""
        number = self.h2.get_next_available_stream_id()
        self.answers[number] = Answered()
        self.h2.send_headers(number, fields, end_stream=body is None)
        if body is not None:
            self.h2.send_data(number, body, end_stream=is_whole)
        self.flush()
        return number

    def read(self, until: Callable[[], bool]) -> None:
        """Read until a condition holds, or the gateway closes."""
        while not until():
            try:
                data = self.socket.recv(65_536)
            except ConnectionError:
                data = b""
            if not data:
                return
            for event in self.h2.receive_data(data):
                self._note(event)
            self.flush()

    def answer(self, fields: Fields, body: bytes | None = None, *, is_whole: bool = True) -> Answered:
        """The answer to a request."""
        number = self.request(fields, body, is_whole=is_whole)
        self.read(lambda: self.answers[number].is_over or self.goaway >= 0)
        return self.answers[number]

    def _note(self, event: h2_events.Event) -> None:
        if isinstance(event, h2_events.ConnectionTerminated):
            self.goaway = int(event.error_code or 0)
            return
        answer = self.answers.get(getattr(event, "stream_id", 0) or 0)
        if answer is None:
            return
        match event:
            case h2_events.InformationalResponseReceived():
                answer.interim.append(int(dict(event.headers or ())[":status"]))  # type: ignore[call-overload]
            case h2_events.ResponseReceived():
                answer.fields = {str(name): str(value) for name, value in event.headers or ()}
                answer.status = int(answer.fields.pop(":status"))
            case h2_events.DataReceived():
                answer.body += event.data or b""
                if self.acknowledges and event.stream_id is not None:
                    with suppress(StreamClosedError):
                        self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            case h2_events.TrailersReceived():
                answer.trailers = {str(name): str(value) for name, value in event.headers or ()}
            case h2_events.StreamEnded():
                answer.is_ended = True
            case h2_events.StreamReset():
                answer.reset = int(event.error_code or 0)
