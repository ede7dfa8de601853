"""HTTP2Connection: one HTTP/2 connection from a caller (RFC 9113), each stream served like a request of HTTP/1.1.

Owns: what comes from the caller, and what it may do without asking for anything. Must not know: policies.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from h2 import events as h2_events
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from hyperframe.frame import GoAwayFrame

from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.core.hosts import TLSPeer
from gateway_sync.runtime.core.http2_credit import FrameCredit
from gateway_sync.runtime.core.http2_frames import PREFACE_BYTES, FrameLengths
from gateway_sync.runtime.core.http2_heads import HeadRefused, request_head
from gateway_sync.runtime.core.http2_upstream_heads import trailer_lines
from gateway_sync.runtime.edge_connection import LINGER_S
from gateway_sync.runtime.http2_carrier import WINDOW_BYTES, StreamCarrier
from gateway_sync.runtime.http2_stream import Stream
from gateway_sync.runtime.serving import Serving
from gateway_sync.runtime.stats import CONNECTIONS_OPENED

logger = logging.getLogger(__name__)

CONNECTION_WINDOW_BYTES = 1 << 20


class HTTP2Connection(StreamCarrier):
    """One connection and its streams. An asyncio.Protocol by its methods."""

    def __init__(self, serving: Serving, peer: TLSPeer) -> None:
        """Not connected yet."""
        super().__init__(serving)
        self._peer = peer
        self._address = ""
        self._subject = ""
        self._last_stream = 0
        self._write_paused_s = 0.0  # since then
        self._lengths = FrameLengths(PREFACE_BYTES)
        self._credit = FrameCredit(serving.clock)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller connected and chose HTTP/2."""
        self.transport = transport  # type: ignore[assignment]  # a stream protocol gets a Transport
        serving = self._serving
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]).partition("%")[0] if peer else ""
        self.deadline = serving.clock + serving.bounds.head_s
        serving.stats[CONNECTIONS_OPENED] += 1
        serving.clients.add(self)
        beyond = len(serving.clients) - serving.max_clients
        if serving.bounds.connections_per_address:
            self._subject, count = serving.addresses.add(self._address)
            beyond = max(beyond, count - serving.bounds.connections_per_address)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW_BYTES - WINDOW_BYTES)
        self._send()
        if beyond > 0:
            self._end(ErrorCodes.ENHANCE_YOUR_CALM)

    def data_received(self, data: bytes) -> None:
        """Frames, or parts of some."""
        if not self._lengths.admits(data):
            self._end(ErrorCodes.FRAME_SIZE_ERROR)
            return
        try:
            events = self._h2.receive_data(data)
        except H2Error:
            self._send()  # the library has written a GOAWAY that says what is wrong
            self.transport.close()
            return
        for event in events:
            try:
                self._handle(event)
            except H2Error as error:  # the stream was closed meanwhile, by either side
                logger.debug("a stream of HTTP/2 ended early: %s", error)
            except Exception:  # the edge of the process: a bug must cost one request
                logger.exception("a stream of HTTP/2 failed")
                self._break_down(getattr(event, "stream_id", 0) or 0)
            if self.transport.is_closing():
                return
        if events:
            self._settle_deadline()
        self._send()

    def _handle(self, event: h2_events.Event) -> None:
        match event:
            case h2_events.RequestReceived():
                self._begin(event)
            case h2_events.DataReceived():
                if not event.data and event.stream_ended is None:
                    self._spend()
                self._receive(event.stream_id or 0, event.data or b"", event.flow_controlled_length or 0)
            case h2_events.TrailersReceived():
                self._take_trailers(event)
            case h2_events.StreamEnded():
                if event.stream_id in self._streams:
                    self._streams[event.stream_id].end_request()
            case h2_events.StreamReset():
                self._spend()
                self._lose(event.stream_id or 0)
            case h2_events.WindowUpdated():
                self._flush_all(event.stream_id or 0)
            case h2_events.RemoteSettingsChanged() | h2_events.PingReceived() | h2_events.PriorityUpdated():
                self._spend()
                self._flush_all(0)  # a setting may have opened windows

    def _begin(self, event: h2_events.RequestReceived) -> None:
        number = event.stream_id or 0
        if self._is_leaving or self.unsent.is_full or len(self._serving.clients) > self._serving.max_clients:
            self._h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        self._last_stream = number
        try:
            fields = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
            translated = request_head(fields, has_body=event.stream_ended is None)
        except HeadRefused:
            self._spend()
            self._h2.reset_stream(number, ErrorCodes.PROTOCOL_ERROR)
            return
        serving = self._serving
        client = ClientConnection(serving)
        stream = self._streams[number] = Stream(self, number, client, translated)
        client.peer = TLSPeer(self._peer.server_name, self._peer.chain)  # its own: a Host decides for one stream
        client.transport = stream.as_transport()
        client.address = self._address
        client.takes_trailers = True
        client.deadline = serving.clock + serving.bounds.head_s
        serving.stats[CONNECTIONS_OPENED] += 1
        serving.clients.add(client)
        client.data_received(translated.head)

    def _receive(self, number: int, content: bytes, size: int) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            stream.receive(content, size)
        elif size:
            self._h2.acknowledge_received_data(size, number)  # of the connection's window, which others need

    def _take_trailers(self, event: h2_events.TrailersReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        try:
            lines = trailer_lines([(bytes(name), bytes(value)) for name, value in event.headers or ()])
            if stream is not None:
                stream.request_trailers = lines
        except HeadRefused:
            self._spend()
            self._h2.reset_stream(event.stream_id or 0, ErrorCodes.PROTOCOL_ERROR)
            self._lose(event.stream_id or 0)

    def _break_down(self, number: int) -> None:
        """A bug met a stream, which ends; without one the connection does."""
        stream = self._streams.get(number)
        if stream is not None:
            self.cut(stream)
            self._lose(number)
        elif number:  # it had not become a request yet
            with suppress(H2Error):  # closed already
                self._h2.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
        else:
            self._end(ErrorCodes.INTERNAL_ERROR)

    def _spend(self) -> None:
        """Note a frame that asks for nothing; who sends too many of them is sent away (rapid reset, floods)."""
        if not self._credit.spend(self._serving.clock):
            self._end(ErrorCodes.ENHANCE_YOUR_CALM)

    def expire(self) -> None:
        """Nothing moved for too long, or it is time to look at what waits."""
        serving = self._serving
        if self.transport.is_closing():
            self.transport.abort()  # the goodbye is not taken either
        elif self._is_write_paused and serving.clock - self._write_paused_s >= self.unsent.patience_s:
            self.transport.abort()
        elif self.unsent.size or self._is_write_paused:
            for stream in self.unsent.stalled(self._streams.values()):
                self.cut(stream)
                self._lose(stream.id)
            self._settle_deadline()
        elif self._streams:
            self.transport.abort()
        else:
            self._end(ErrorCodes.NO_ERROR)

    def drain(self) -> None:
        """Take no further streams, finish those under way (RFC 9113 section 6.8)."""
        if not self._is_leaving:
            self._is_leaving = True
            # Written here: the library forbids to send anything after a GOAWAY of its own.
            self.transport.write(GoAwayFrame(0, last_stream_id=self._last_stream).serialize())
        self._settle_deadline()

    def _end(self, code: ErrorCodes) -> None:
        """Say goodbye and close; streams under way are lost."""
        self._h2.close_connection(code, last_stream_id=self._last_stream)
        self._send()
        self.transport.close()
        self.deadline = self._serving.clock + LINGER_S

    def eof_received(self) -> None:
        """The caller is gone: HTTP/2 has no half of a connection."""

    def connection_lost(self, _error: Exception | None) -> None:
        """Closed by either side."""
        self._serving.clients.discard(self)
        self._serving.leave(self._subject)
        for number in list(self._streams):
            self._lose(number)

    def pause_writing(self) -> None:
        """The caller reads slower than frames come: what it asks for waits until it has taken what it asked for."""
        self._is_write_paused = True
        self._write_paused_s = self._serving.clock
        self.transport.pause_reading()
        self._settle_deadline()

    def resume_writing(self) -> None:
        """The caller caught up."""
        self._is_write_paused = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
        self._flush_all(0)
        self._settle_deadline()
