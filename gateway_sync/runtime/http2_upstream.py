"""HTTP/2 towards services: one connection that many calls share, each as a transport to an UpstreamConnection.

What an UpstreamConnection writes as HTTP/1.1 goes out on a stream, and the answer is fed to it as HTTP/1.1: one place
reads answers strictly, whatever the service speaks. Owns: frames, by the h2 library; windows. Must not know: calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from h2 import events as h2_events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from gateway_sync.runtime.core.http2_frames import FrameLengths
from gateway_sync.runtime.core.http2_heads import HeadRefused
from gateway_sync.runtime.http2_seat import Seat

if TYPE_CHECKING:
    from gateway_sync.runtime.upstream import UpstreamConnection

logger = logging.getLogger(__name__)

WINDOW_BYTES = 65_535
CONNECTION_WINDOW_BYTES = 1 << 20
MAX_HEADER_BYTES = 65_536
MOST_STREAMS = 100


class HTTP2Upstream(asyncio.Protocol):
    """One connection to a service."""

    def __init__(self) -> None:
        """Not connected yet."""
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else is called
        self.scheme = b"http"
        self.seats: set[Seat] = set()
        self._streams: dict[int, Seat] = {}
        self._is_write_paused = False
        self._is_leaving = False
        self._lengths = FrameLengths(0)
        # A malformed answer is an error of its stream (RFC 9113 section 8.1.1); the library would end them all for it.
        config = H2Configuration(client_side=True, header_encoding=None, validate_inbound_headers=False)
        self.h2 = H2Connection(config)
        self.h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_BYTES,
            },
        )

    @property
    def has_room(self) -> bool:
        """True while one more call may share the connection."""
        most = min(MOST_STREAMS, self.h2.remote_settings.max_concurrent_streams)
        return not self._is_leaving and not self.transport.is_closing() and len(self.seats) < most

    @property
    def is_gone(self) -> bool:
        """True when no further stream can begin."""
        return self._is_leaving or self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = transport  # type: ignore[assignment]  # a stream protocol gets a Transport
        if transport.get_extra_info("ssl_object") is not None:
            self.scheme = b"https"
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(CONNECTION_WINDOW_BYTES - WINDOW_BYTES)
        self.send()

    def data_received(self, data: bytes) -> None:
        """Frames, or parts of some."""
        if not self._lengths.admits(data):
            self._give_up("these are no frames of HTTP/2")
            return
        try:
            events = self.h2.receive_data(data)
        except H2Error as error:
            self._give_up(str(error))
            return
        for event in events:
            self._handle(event)
        self.send()

    def _give_up(self, reason: str) -> None:
        logger.warning("a service broke the rules of HTTP/2: %s", reason)
        self._is_leaving = True
        self.send()
        self.transport.close()
        self._lose_all()

    def _handle(self, event: h2_events.Event) -> None:
        if isinstance(event, h2_events.ConnectionTerminated):
            self._leave(event.last_stream_id or 0)
            return
        if isinstance(event, h2_events.WindowUpdated | h2_events.RemoteSettingsChanged):
            self._flush_all()
            return
        number = getattr(event, "stream_id", 0) or 0
        seat = self._streams.get(number)
        if seat is not None:
            self._let(seat, partial(seat.take, event))
        elif isinstance(event, h2_events.DataReceived) and event.flow_controlled_length:
            with suppress(H2Error):  # closed meanwhile
                self.h2.acknowledge_received_data(event.flow_controlled_length, number)

    def _let(self, seat: Seat, act: Callable[[], None]) -> None:
        """Have one call do its part; what goes wrong there ends that call and none of the others."""
        try:
            act()
        except HeadRefused as error:
            logger.warning("a service's answer is malformed: %s", error)
            seat.break_off(ErrorCodes.PROTOCOL_ERROR)
        except H2Error as error:  # the stream was closed meanwhile, by either side
            logger.debug("a stream of HTTP/2 ended early: %s", error)
        except Exception as error:  # noqa: BLE001 - the edge of the process: a bug must cost one call
            seat.break_down(error)

    def _leave(self, last: int) -> None:
        """The service takes no further streams; those after last it has not looked at."""
        self._is_leaving = True
        for number, seat in list(self._streams.items()):
            if number > last:
                self._let(seat, seat.lose)

    def begin(self, seat: Seat, fields: list[tuple[bytes, bytes]], *, is_end: bool) -> int:
        """The number of a fresh stream. Errors: H2Error."""
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, fields, end_stream=is_end)
        self._streams[number] = seat
        self.send()
        return number

    def end(self, number: int) -> None:
        """The stream is over."""
        self._streams.pop(number, None)

    def flush(self, seat: Seat) -> None:
        """Send of a request's body what the windows allow."""
        output, number = seat.output, seat.number
        try:
            while output and not self._is_write_paused:
                size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
                if size <= 0:
                    break
                piece = bytes(output[:size])
                del output[:size]
                self.h2.send_data(number, piece)
            if seat.is_body_whole and not output and not seat.is_end_sent:
                seat.is_end_sent = True
                if seat.trailers:
                    self.h2.send_headers(number, seat.trailers, end_stream=True)
                else:
                    self.h2.end_stream(number)
        except H2Error:
            output.clear()  # the service closed the stream: its answer or reset is on the way
        self.send()
        seat.regulate()

    def _flush_all(self) -> None:
        for seat in list(self._streams.values()):
            if seat.output:
                self._let(seat, partial(self.flush, seat))

    def send(self) -> None:
        """Hand frames over to the transport."""
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def leave_seat(self, seat: Seat) -> None:
        """A call is over for good; without any the connection is not needed."""
        self.seats.discard(seat)
        if not self.seats:
            self.transport.close()

    def _lose_all(self) -> None:
        for seat in list(self.seats):
            self._let(seat, seat.lose)

    def connection_lost(self, _error: Exception | None) -> None:
        """Closed by either side."""
        self._is_leaving = True
        self._lose_all()

    def pause_writing(self) -> None:
        """The service reads slower than frames come."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """The service caught up."""
        self._is_write_paused = False
        self._flush_all()


class Carriers:
    """The connections of one pool that calls share."""

    def __init__(self) -> None:
        """None."""
        self._found: list[HTTP2Upstream] = []
        self._dialing = asyncio.Lock()

    async def seat(self, connection: UpstreamConnection, dial: Callable[[], Awaitable[HTTP2Upstream]]) -> None:
        """Give a call a transport, on a connection with room or on a new one. Errors: those of dial."""
        async with self._dialing:
            self._found = [carrier for carrier in self._found if not carrier.is_gone]
            carrier = next((carrier for carrier in self._found if carrier.has_room), None)
            if carrier is None:
                carrier = await dial()
                self._found.append(carrier)
            connection.connection_made(Seat(carrier, connection).as_transport())
