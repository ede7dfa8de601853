"""Tunnel: two connections whose bytes go from one to the other, after an upgrade.

Owns: backpressure, half-close, the limits on time, the count of tunnels. Must not know: who may have one, nor what the
bytes mean, but where a WebSocket's frames end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from gateway_sync.runtime.core.websocket import GOING_AWAY, POLICY_VIOLATION, FrameEnds
from gateway_sync.runtime.core.websocket_frames import FrameCheck, farewells

if TYPE_CHECKING:
    from gateway_sync.runtime.serving import Serving

RECHECK_S = 60.0  # without a change: credentials expire
SLICE = 50  # tunnels looked at between two turns of the event loop
_GONE = 1001
GOODBYE_S = 4.0  # from the gateway's close to the end, for what is still on its way; under ending.DRAIN_S


Frames = tuple[FrameEnds | FrameCheck | None, FrameEnds | FrameCheck]  # of client and upstream


class Owner(Protocol):
    """Whose tunnel it is: an exchange."""

    def is_still_admitted(self) -> bool:
        """True when the call that opened the tunnel would be admitted now."""

    def note_again(self, from_client: int, from_upstream: int) -> None:
        """It still lasts, and so many bytes came from each end so far."""

    def on_tunnel_end(self, tunnel: Tunnel) -> None:
        """No more bytes will go through; called once."""


class TunnelPlaces:
    """How many tunnels one worker has, those whose handshake is under way included; in all, and by application."""

    __slots__ = ("_by_application", "count")

    def __init__(self) -> None:
        """None."""
        self.count = 0
        self._by_application: dict[str, int] = {}

    def claim(self, application: str, most: int, most_of_application: int) -> bool:
        """Take a place; False when there is none. 0 = no bound."""
        taken = self._by_application.get(application, 0)
        if (most and self.count >= most) or (most_of_application and taken >= most_of_application):
            return False
        self.count += 1
        self._by_application[application] = taken + 1
        return True

    def release(self, application: str) -> None:
        """Give a place back."""
        self.count -= 1
        left = self._by_application[application] - 1
        if left:
            self._by_application[application] = left
        else:
            del self._by_application[application]


class TunnelEnd(asyncio.Protocol):
    """One of the two connections; its bytes go to the other."""

    __slots__ = ("byte_count", "frames", "has_ended", "is_open", "is_paused", "other", "transport", "tunnel")

    other: TunnelEnd

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport, *, is_paused: bool) -> None:
        """byte_count is of what came from this end; is_paused = it does not take what it is sent for now."""
        self.tunnel = tunnel
        self.transport = transport
        self.byte_count = 0
        self.has_ended = False
        self.is_open = True
        self.is_paused = is_paused
        self.frames: FrameEnds | FrameCheck | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes for the other end."""
        tunnel = self.tunnel
        if tunnel.has_said_goodbye and (tunnel.is_refused or self is tunnel.upstream):
            return  # nothing may follow a close frame
        self.byte_count += len(data)
        if self.frames is not None:
            data = self.frames.feed(data)
            if self.frames.fault:
                self.other.transport.write(data)
                tunnel.refuse(self, self.frames.fault)
                return
        self.other.transport.write(data)
        if tunnel.is_parting:
            tunnel.say_goodbye()
        elif not tunnel.is_stalled:
            tunnel.touch()

    def eof_received(self) -> bool:
        """Send the end on; True keeps the connection for the other direction, where that is possible."""
        self.has_ended = True
        if self.other.has_ended or not self.other.transport.can_write_eof():
            self.tunnel.close()
            return False
        self.other.transport.write_eof()
        return self.transport.can_write_eof()

    def connection_lost(self, _error: Exception | None) -> None:
        """Closed, so the other is closed too, once it has taken what it was sent."""
        self.is_open = False
        self.tunnel.close()
        if not self.other.is_open:
            self.tunnel.forget()

    def pause_writing(self) -> None:
        """Read no more from the other end, which sends faster than this one reads."""
        self.is_paused = True
        self.tunnel.is_stalled = True  # traffic the other way must not keep it for ever
        if not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """It caught up."""
        self.is_paused = False
        tunnel = self.tunnel
        tunnel.is_stalled = self.other.is_paused
        if not tunnel.is_parting:
            tunnel.touch()
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()


class Tunnel:
    """Both ends, and when it is over. Among a worker's callers it stands where the caller's connection stood."""

    __slots__ = (
        "_ends_at", "_goodbye", "_idle_s", "_is_over", "_owner", "_serving", "_subject", "client", "deadline",
        "has_said_goodbye", "is_parting", "is_refused", "is_stalled", "upstream",
    )  # fmt: skip

    def __init__(
        self,
        serving: Serving,
        client: tuple[asyncio.Transport, bool],
        upstream: tuple[asyncio.Transport, bool],
        lasts_s: tuple[float, float],
        owner: Owner,
        subject: str,
    ) -> None:
        """client and upstream: a transport each, and whether it takes no more for now; lasts_s: idle, and in all.

        subject is what the client's address counts under.
        """
        self._serving = serving
        self._idle_s = lasts_s[0]
        self._ends_at = serving.clock + lasts_s[1]
        self.is_stalled = client[1] or upstream[1]
        self.is_parting = self._is_over = self.has_said_goodbye = self.is_refused = False
        self._owner = owner
        self._goodbye = GOING_AWAY
        self._subject = subject
        self.client = TunnelEnd(self, client[0], is_paused=client[1])
        self.upstream = TunnelEnd(self, upstream[0], is_paused=upstream[1])
        self.client.other, self.upstream.other = self.upstream, self.client
        self.touch()

    def open(self, frames: Frames | None, *, from_client: bytes, from_upstream: bytes) -> None:
        """Begin, with the bytes that came already; frames follow what each end sends, None = it is no WebSocket."""
        if frames is not None:
            self.client.frames, self.upstream.frames = frames
        self._serving.clients.add(self)
        for end, first in ((self.client, from_client), (self.upstream, from_upstream)):
            end.transport.set_protocol(end)
            if first:
                end.data_received(first)
        for end in (self.client, self.upstream):
            if not end.other.is_paused and not end.transport.is_closing():
                end.transport.resume_reading()

    def touch(self) -> None:
        """Something moved."""
        deadline = self._serving.clock + self._idle_s
        self.deadline = deadline if deadline < self._ends_at else self._ends_at  # noqa: FURB136 - for each read

    def expire(self) -> None:
        """Nothing moved for too long, it has lasted its time, or the goodbye was not answered."""
        if self.is_parting:
            self.close()
            self.client.transport.abort()
            self.upstream.transport.abort()
        else:
            self.drain()

    def recheck(self) -> None:
        """End it when whoever opened it may not do so any more."""
        if self.is_parting:
            return
        self._owner.note_again(self.client.byte_count, self.upstream.byte_count)
        if not self._owner.is_still_admitted():
            self._goodbye = POLICY_VIOLATION
            self.drain()

    def drain(self) -> None:
        """End it: with a close frame where frames are known, so that a WebSocket client may come back at once."""
        self.is_parting = True
        self.deadline = self._serving.clock + GOODBYE_S
        if self.upstream.frames is None or self.upstream.frames.is_closed or self.is_stalled:
            self.close()
        else:
            self.say_goodbye()

    def say_goodbye(self) -> None:
        """Send the close frame, unless one is under way; the client's answer to it ends the upstream as well."""
        frames = self.upstream.frames
        if frames is not None and frames.is_between and not self.has_said_goodbye:
            self.has_said_goodbye = True
            self.client.transport.write(self._goodbye)

    def refuse(self, offender: TunnelEnd, code: int) -> None:
        """End it for what an end sent: both are told so, where what they were sent ends with a frame."""
        to_client, to_upstream = farewells(code, is_client_at_fault=offender is self.client, goodbye=_GONE)
        for end, farewell in ((self.client, to_client), (self.upstream, to_upstream)):
            sent = end.other.frames
            if sent is not None and sent.is_between and not sent.is_closed and not end.transport.is_closing():
                end.transport.write(farewell)
            if end.is_paused and not end.other.transport.is_closing():
                end.other.transport.resume_reading()  # what still comes is read and dropped: a reset would eat the word
        self.has_said_goodbye = self.is_refused = self.is_parting = True
        self.deadline = self._serving.clock + GOODBYE_S
        for end in (self.client, self.upstream):
            if end.transport.can_write_eof() and not end.transport.is_closing():
                end.transport.write_eof()
            else:
                end.transport.close()

    def close(self) -> None:
        """Close both ends after what they were sent."""
        if self._is_over:
            return
        self._is_over = self.is_parting = True
        self.deadline = self._serving.clock + GOODBYE_S
        self.client.transport.close()
        self.upstream.transport.close()
        self._owner.on_tunnel_end(self)

    def forget(self) -> None:
        """Both ends are gone."""
        self._serving.clients.discard(self)
        self._serving.leave(self._subject)


async def recheck_tunnels(serving: Serving, changed: asyncio.Event) -> None:
    """End tunnels that would not be opened now, soon after each change of what callers may do; for ever."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S):
                await changed.wait()
        changed.clear()
        tunnels = [client for client in serving.clients if isinstance(client, Tunnel)]
        for number, tunnel in enumerate(tunnels):
            tunnel.recheck()
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
