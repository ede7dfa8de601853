"""TLSHandshake: a caller from its acceptance to the end of its handshake, and to whom its connection is given then.

Owns: counting it from its first moment, so that callers who never finish are bounded like all others; that is why
connections are accepted here and not by the event loop, which tells of none before its handshake is done. Must not
know: which certificate is shown.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from gateway_sync.runtime.bounds import SHED
from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.http2 import HTTP2Connection

if TYPE_CHECKING:
    from gateway_sync.runtime.core.hosts import TLSPeer
    from gateway_sync.runtime.serving import Serving

logger = logging.getLogger(__name__)

SHUTDOWN_S = 2.0
ACCEPTED_AT_ONCE = 64  # between two turns of the event loop
_RETRY_S = 0.5
# What befell one connection in the queue; accept(2) says to go on with the next one.
_OF_ONE_CALLER = frozenset(
    {
        errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN,
        errno.ENONET, errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH,
    }
)  # fmt: skip

PeerOf = Callable[[ssl.SSLObject], "TLSPeer"]


class TLSAcceptor:
    """Takes callers from a listening socket."""

    def __init__(
        self, serving: Serving, listener: socket.socket, context: Callable[[], ssl.SSLContext], peer_of: PeerOf
    ) -> None:
        """context gives what a handshake begins with; peer_of reads what it told. Accepts at once."""
        self._serving = serving
        self._listener = listener
        self._context = context
        self._peer_of = peer_of
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        listener.settimeout(0)
        self._loop.add_reader(listener.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _OF_ONE_CALLER:
                    continue
                logger.warning("no HTTPS connection can be accepted now: %s", error)
                self._loop.remove_reader(self._listener.fileno())  # it stays readable: without a pause it would spin
                self._retry = self._loop.call_later(_RETRY_S, self._resume)
                return
            TLSHandshake(self._serving, connection, str(address[0]).partition("%")[0]).begin(
                self._context(), self._peer_of
            )

    def _resume(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more; this process's copy of the socket only: what waits in its queue is for the next worker."""
        if self._listener.fileno() < 0:
            return
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()


class TLSHandshake:
    """One connection that is not yet anybody's. Among a worker's callers it stands where its protocol will."""

    def __init__(self, serving: Serving, connection: socket.socket, address: str) -> None:
        """Counted from now on."""
        self._serving = serving
        self._connection = connection
        self._task: asyncio.Task[None] | None = None
        self.deadline = serving.clock + serving.bounds.head_s + SHUTDOWN_S  # should the handshake's own timer fail
        serving.clients.add(self)
        self._beyond = len(serving.clients) - serving.max_clients
        most = serving.bounds.connections_per_address
        self._subject = ""
        if most:
            self._subject, count = serving.addresses.add(address)
            self._beyond = max(self._beyond, count - most)

    def begin(self, context: ssl.SSLContext, peer_of: PeerOf) -> None:
        """Shake hands, or cut the caller off without a word where there is no room."""
        if self._beyond > SHED:
            self._forget()
            self._connection.close()
        else:
            self._task = asyncio.get_running_loop().create_task(self._shake(context, peer_of))

    async def _shake(self, context: ssl.SSLContext, peer_of: PeerOf) -> None:
        try:
            self._connection.settimeout(0)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: TLSConnection(self._serving, self._forget, peer_of),
                self._connection,
                ssl=context,
                ssl_handshake_timeout=self._serving.bounds.head_s,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except OSError:  # ssl.SSLError too: whoever it was did not finish
            pass
        finally:
            self._forget()

    def _forget(self) -> None:
        """It counts no more; who it is given to counts it anew in the same turn."""
        self._serving.clients.discard(self)
        subject, self._subject = self._subject, ""
        if subject:
            self._serving.addresses.release(subject)

    def expire(self) -> None:
        """It took too long."""
        self._forget()
        if self._task is not None:
            self._task.cancel()

    def drain(self) -> None:
        """Nothing is lost by an end before the first request; but while the worker still accepts, it may go on."""
        if self._serving.is_draining:
            self.expire()


class TLSConnection(asyncio.Protocol):
    """A connection whose handshake is done; hands itself over to the protocol that was agreed on."""

    def __init__(self, serving: Serving, on_done: Callable[[], None], peer_of: PeerOf) -> None:
        """Not connected yet."""
        self._serving = serving
        self._on_done = on_done
        self._peer_of = peer_of

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        self._on_done()
        session = cast("ssl.SSLObject", transport.get_extra_info("ssl_object"))
        peer = self._peer_of(session)
        protocol: ClientConnection | HTTP2Connection
        if session.selected_alpn_protocol() == "h2":
            protocol = HTTP2Connection(self._serving, peer)
        else:
            protocol = ClientConnection(self._serving)
            protocol.secure(peer)
        transport.set_protocol(cast("asyncio.Protocol", protocol))
        protocol.connection_made(transport)
