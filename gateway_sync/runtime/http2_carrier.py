"""StreamCarrier: what the streams of one HTTP/2 connection send, by the h2 library, as far as windows allow.

Owns: the way of answers to the caller, and how long it may take. Must not know: what comes from the caller.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from gateway_sync.runtime.http2_unsent import LOOK_S, Unsent

if TYPE_CHECKING:
    from gateway_sync.runtime.core.http2_heads import Fields
    from gateway_sync.runtime.http2_stream import Stream
    from gateway_sync.runtime.serving import Serving

MAX_STREAMS = 100
WINDOW_BYTES = 65_535  # of a stream: what of a body waits here at most
_SETTINGS = {
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    SettingCodes.MAX_HEADER_LIST_SIZE: 65_536,
    SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
}


class StreamCarrier:
    """One connection, as far as it carries answers."""

    def __init__(self, serving: Serving) -> None:
        """Not connected yet."""
        self._serving = serving
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else is called
        self.deadline = 0.0
        self.unsent = Unsent(serving)
        self._streams: dict[int, Stream] = {}
        self._is_leaving = False
        self._is_write_paused = False
        # A malformed request is an error of its stream (RFC 9113 section 8.1.1), judged by request_head.
        config = H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False)
        self._h2 = H2Connection(config)
        self._h2.local_settings = Settings(client=False, initial_values=_SETTINGS)

    def send_head(self, stream: Stream, fields: Fields, *, is_end: bool) -> None:
        """Send a header section."""
        try:
            self._h2.send_headers(stream.id, fields, end_stream=is_end)
        except H2Error:
            return  # the caller closed the stream; its reset is on the way
        if is_end:
            asyncio.get_running_loop().call_soon(self.forget, stream)
        self._send()

    def flush(self, stream: Stream) -> None:
        """Send of the stream's output what the windows allow."""
        output, connection, sent = stream.output, self._h2, 0
        try:
            while output and not self._is_write_paused:
                size = min(connection.local_flow_control_window(stream.id), connection.max_outbound_frame_size)
                if size <= 0:
                    break
                piece = bytes(output[:size])
                del output[:size]
                connection.send_data(stream.id, piece)
                self._send()
                sent += size
            if stream.is_answered and not output and not stream.is_end_sent:
                stream.is_end_sent = True
                if stream.trailers:
                    connection.send_headers(stream.id, stream.trailers, end_stream=True)
                else:
                    connection.end_stream(stream.id)
                asyncio.get_running_loop().call_soon(self.forget, stream)
        except H2Error:
            output.clear()
        self._send()
        self._note(stream, sent)
        self._settle_deadline()

    def _note(self, stream: Stream, sent: int = 0) -> None:
        """Count what of a stream waits; when that is too much, or enough went out, all services are told."""
        if self.unsent.note(stream, sent):
            for each in list(self._streams.values()):
                each.regulate()
        if sent:
            self.unsent.grant_time(stream, self._streams.values())

    def _flush_all(self, number: int) -> None:
        """Go on with one stream, or with all of them for 0."""
        for stream in list(self._streams.values()):
            if stream.output and number in (0, stream.id):
                self.flush(stream)
                stream.regulate()

    def acknowledge(self, stream: Stream, size: int) -> None:
        """Let the caller send so many bytes more."""
        if size:
            self._h2.acknowledge_received_data(size, stream.id)
            self._send()

    def cut(self, stream: Stream) -> None:
        """Tell the caller that the answer ends here, unfinished."""
        try:
            self._h2.reset_stream(stream.id, ErrorCodes.INTERNAL_ERROR)
        except H2Error:
            return
        self._send()

    def forget(self, stream: Stream) -> None:
        """The stream is over."""
        if self._streams.pop(stream.id, None) is None:
            return
        if stream.is_end_sent and not stream.is_request_ended:
            with suppress(H2Error):  # closed already
                self._h2.reset_stream(stream.id, ErrorCodes.NO_ERROR)  # the rest of the body is not needed
            self._send()
        stream.lose()
        self._note(stream)
        self._settle_deadline()

    def _send(self) -> None:
        data = self._h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def _settle_deadline(self) -> None:
        """Idle connections end after a while; what waits is looked at often; streams have deadlines of their own."""
        bounds, clock = self._serving.bounds, self._serving.clock
        if self.unsent.size or self._is_write_paused:
            self.deadline = min(self.deadline, clock + LOOK_S) if self.deadline > clock else clock + LOOK_S
        elif self._streams:
            self.deadline = math.inf
        elif self._is_leaving:
            self.transport.close()
        else:
            self.deadline = clock + bounds.idle_s

    def _lose(self, number: int) -> None:
        if number in self._streams:
            stream = self._streams.pop(number)
            stream.lose()
            self._note(stream)
