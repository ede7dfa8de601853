"""UpgradeExchange: a request that wants its connection turned over to another protocol, and the tunnel it becomes.

It is admitted, limited and counted like any other; what is different begins after that. Without a policy that allows
the protocol it goes on as a plain request (RFC 9110 section 7.8: a server may ignore Upgrade).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gateway_sync.messages import FramingError, Refusal, ResponseHead
from gateway_sync.policies.upgrade import WEBSOCKET
from gateway_sync.runtime.core.forwarding import switching_head
from gateway_sync.runtime.core.websocket import (
    DEFLATE,
    FrameEnds,
    accept_value,
    extensions_in,
    handshake_key,
    without_extensions,
)
from gateway_sync.runtime.core.websocket_frames import ANY_BITS, DEFLATE_BIT, FrameCheck
from gateway_sync.runtime.dispatch import dispatch
from gateway_sync.runtime.exchange import Exchange
from gateway_sync.runtime.spool_format import CODE_NUMBERS, READMIT
from gateway_sync.runtime.stats import TUNNELS_CLOSED, TUNNELS_OPENED, count_exchange
from gateway_sync.runtime.tunnel import Tunnel

if TYPE_CHECKING:
    from gateway_sync.messages import RequestHead
    from gateway_sync.runtime.client import ClientConnection
    from gateway_sync.runtime.core.index import VersionEntry
    from gateway_sync.runtime.serving import Serving
    from gateway_sync.runtime.tunnel import Frames
    from gateway_sync.runtime.upstream import UpstreamConnection

SWITCHING = 101
_NO_ROOM = (b"Retry-After: 5",)


class UpgradeExchange(Exchange):
    """One request with a valid Upgrade; it ends when its tunnel does."""

    __slots__ = ("_application", "_is_plain", "_key", "_noted_in", "_protocol", "_switched_us")

    def __init__(self, client: ClientConnection, serving: Serving, head: RequestHead) -> None:
        """Nothing is decided yet."""
        super().__init__(client, serving, head)
        self._protocol = ""  # what the upstream is asked for
        self._application: str | None = None  # whose place is taken
        self._key = b""
        self._is_plain = False  # no extension was offered to the upstream
        self._switched_us = 0
        self._noted_in = serving.spool.segment

    def go_on(self, version: VersionEntry) -> None:
        """Send the request with its Upgrade, without it, or refuse it."""
        protocol = version.upgrade.chosen(self.head.upgrade.decode("latin-1"))
        refusal = self._prepare(version, protocol) if protocol else None
        if refusal is not None:
            self.refuse(refusal)
        else:
            dispatch(self, version)

    def _prepare(self, version: VersionEntry, protocol: str) -> Refusal | None:
        """Take a place and put the protocol into the head, or say why not."""
        head = self.head
        if protocol == WEBSOCKET:
            self._key = handshake_key(head.lines)
            if not self._key:
                return Refusal("bad-request", "A WebSocket handshake has one Sec-WebSocket-Key.")
            if version.upgrade.needs_origin and not head.origin:
                return Refusal("forbidden", "A WebSocket handshake says its Origin here.")
            if version.upgrade.message_bytes:  # what a compressed message becomes is not known from its size
                self._is_plain = True
                head.lines = without_extensions(head.lines)
            # A page's WebSocket is bound by no CORS answer; its browser leaves that check to the server.
            if head.origin and version.cors is not None and not version.cors.admits(head.origin.decode("latin-1")):
                return Refusal("forbidden", "Pages of this origin may not connect.")
        grant = self.admission.grant
        application = grant.caller.application if grant is not None else ""
        most = self.serving.bounds.tunnels
        if not self.serving.tunnels.claim(application, most, version.upgrade.per_application):
            return Refusal("overloaded", "There are too many such connections.", _NO_ROOM)
        self._application = application
        self._protocol = protocol
        head.lines += [b"Connection: Upgrade", b"Upgrade: " + protocol.encode()]
        return None

    def on_switch(self, upstream: UpstreamConnection, head: ResponseHead, block: bytes, rest: bytes, /) -> None:
        """The upstream turned its connection over: do the same with the client's. Errors: FramingError."""
        self._check(block)
        client, serving = self.client, self.serving
        self._upstream_us = (time.time_ns() - self.sent_ns) // 1000
        self._switched_us = max(1, (time.time_ns() - self._started_ns) // 1000)
        self._is_answered = True
        self.upstream = None
        is_upstream_paused = upstream.is_write_paused
        upstream_transport = upstream.detach()
        client.transport.write(
            switching_head(head, self._protocol, self._charged_lines, self.request_id, serving.gate.pseudonym)
        )
        is_client_paused = client.is_write_paused
        from_client = client.detach()
        serving.stats[TUNNELS_OPENED] += 1
        upgrade = self.version.upgrade
        tunnel = Tunnel(
            serving,
            (client.transport, is_client_paused),
            (upstream_transport, is_upstream_paused),
            (upgrade.idle_s, upgrade.longest_s),
            self,
            client.subject,
        )
        frames = self._frames(block) if self._protocol == WEBSOCKET else None
        tunnel.open(frames, from_client=from_client, from_upstream=rest)
        if serving.is_draining:
            tunnel.drain()

    def _frames(self, block: bytes) -> Frames:
        """What follows the frames of both ends, by what they agreed on."""
        upgrade = self.version.upgrade
        if not upgrade.is_checked:
            return None, FrameEnds()
        extensions = set(extensions_in(block.split(b"\r\n")[1:]))
        # The bits of an extension that is not known here may mean anything.
        reserved = 0 if not extensions else DEFLATE_BIT if extensions == {DEFLATE} else ANY_BITS
        most = upgrade.message_bytes
        return (
            FrameCheck(is_client=True, reserved=reserved, most=most),
            FrameCheck(is_client=False, reserved=reserved, most=most),
        )

    def _check(self, block: bytes) -> None:
        """Errors: FramingError unless the head turns over to what was asked for."""
        lines = [line.partition(b":") for line in block.split(b"\r\n")[1:]]
        fields = [(name.lower(), value.strip(b" \t")) for name, _, value in lines]
        upgrades = [value.lower() for name, value in fields if name == b"upgrade"]
        options = b",".join(value.lower() for name, value in fields if name == b"connection").split(b",")
        is_asked_for = bool(self._protocol) and upgrades == [self._protocol.encode()]
        if not is_asked_for or b"upgrade" not in {option.strip(b" \t") for option in options}:
            raise FramingError("upstream-invalid", "The upstream turned to a protocol that was not asked for.")
        accepts = [value for name, value in fields if name == b"sec-websocket-accept"]
        if self._protocol == WEBSOCKET and accepts != [accept_value(self._key)]:
            raise FramingError("upstream-invalid", "The upstream's WebSocket handshake is not an answer to this one.")
        if self._is_plain and extensions_in(block.split(b"\r\n")[1:]):
            raise FramingError("upstream-invalid", "The upstream's WebSocket has an extension that nobody offered.")

    def note_again(self, from_client: int, from_upstream: int) -> None:
        """Have the exchange noted where the spool is written now, for the segments before are kept for it else.

        What went through so far is debited: at the end of a day's tunnel the window that it began in may be over.
        """
        grant, spool = self.admission.grant, self.serving.spool
        if grant is not None and grant.is_settled:
            self._request_bytes, self._response_bytes = from_client, from_upstream
            self._settle(grant, SWITCHING)
        if not self._is_admitted or grant is None or self._noted_in == spool.segment:
            return
        at_us = self._started_ns // 1000
        if spool.admit(self._number, at_us, self.head.request_id, self.admission.path, grant.context, READMIT):
            self._noted_in = spool.segment

    def is_still_admitted(self) -> bool:
        """True when the handshake would be admitted now: the key, its subscription, the version, the address."""
        self.head.lines = []  # sent long ago
        return self.serving.gate.still_admits(self.head, self.client.address, time.time_ns())

    def on_tunnel_end(self, tunnel: Tunnel) -> None:
        """Count it."""
        self.serving.stats[TUNNELS_CLOSED] += 1
        self._request_bytes = tunnel.client.byte_count
        self._response_bytes = tunnel.upstream.byte_count
        self.is_over = True
        self._finish(SWITCHING, "")

    def _finish(self, status: int, code: str) -> bool:
        """Count the exchange; the histogram of latency gets the time of a tunnel's handshake, the usage all of it."""
        if self._application is not None:
            self.serving.tunnels.release(self._application)
            self._application = None
        if not self._switched_us:
            return super()._finish(status, code)
        if self.stepping is not None:
            self.stepping.finish(self._request_bytes)
        count_exchange(self.serving.stats, status, self._switched_us, self._request_bytes, self._response_bytes)
        if self.recording is not None:
            self._explain(status, code, self._switched_us)
        if self.admission.grant is not None and self.admission.grant.is_settled:
            self._settle(self.admission.grant, status)
        if not self._is_admitted:  # nobody's, or unmetered
            self._count_unnoted(status, code)
            return True
        return self.serving.spool.finish(
            self._number,
            status,
            CODE_NUMBERS[code],
            max(0, (time.time_ns() - self._started_ns) // 1000),
            self._upstream_us,
            self._request_bytes,
            self._response_bytes,
        )
