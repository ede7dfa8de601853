"""Pool: the connections of one target.

Owns: opening them, keeping idle ones, how many there may be. Must not know: what is said on them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from gateway_sync.runtime.core.networks import NetworkRules
from gateway_sync.runtime.dialing import ConnectFailed, P, dial
from gateway_sync.runtime.discovery import Addresses
from gateway_sync.runtime.http2_upstream import Carriers, HTTP2Upstream
from gateway_sync.runtime.upstream import UpstreamConnection
from gateway_sync.runtime.upstream_tls import Dialed

logger = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 1024
IDLE_S: Final = 4.0  # under the 5 s after which common Python and Node servers close


class Pool:
    """Connections to one target; the one used last is used first, so that idle ones run out."""

    def __init__(self, address: tuple[str, int], way: Dialed, now: float) -> None:
        """Nothing is connected until someone asks. Units: now is the event loop's time."""
        self.address = address
        self._way = way
        self._carriers = Carriers() if way.is_http2 else None
        self._last_failure = ""
        self.addresses: Addresses | None = None  # as discovery knows them
        self.idle: list[UpstreamConnection] = []
        self._open: set[UpstreamConnection] = set()
        self._dialing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._clock = now  # then as of the last close_idle: exact enough for idle times

    def take(self) -> UpstreamConnection | None:
        """An idle connection, None when one must be dialed."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.is_open and not connection.transport.is_closing():
                return connection
        return None

    @property
    def is_http2(self) -> bool:
        """True when nothing but HTTP/2 is spoken here."""
        return self._way.is_http2

    @property
    def open_count(self) -> int:
        """The connections there are, idle or not."""
        return len(self._open)

    def is_full(self) -> bool:
        """True when no more connections may be opened."""
        return len(self._open) + self._dialing >= MAX_CONNECTIONS

    async def connect(self, rules: NetworkRules, factory: Callable[[], P]) -> P:
        """A connection that is not counted. Errors: ConnectFailed."""
        known = self.addresses.in_turn() if self.addresses is not None else ()
        return await dial(asyncio.get_running_loop(), self.address, self._way, rules, factory, known)

    def dial(self, rules: NetworkRules, on_done: Callable[[UpstreamConnection | None], None]) -> None:
        """Open a connection in the background; on_done gets None when that failed."""
        self._dialing += 1
        task = asyncio.get_running_loop().create_task(self._dial(rules, on_done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dial(self, rules: NetworkRules, on_done: Callable[[UpstreamConnection | None], None]) -> None:
        connection: UpstreamConnection | None
        try:
            if self._carriers is not None:
                connection = UpstreamConnection(self)
                await self._carriers.seat(connection, lambda: self.connect(rules, HTTP2Upstream))
            else:
                made = await self.connect(rules, lambda: cast("asyncio.Protocol", UpstreamConnection(self)))
                connection = cast("UpstreamConnection", made)
            self._last_failure = ""
        except ConnectFailed as failure:
            connection = None
            self._log(str(failure))
        finally:
            self._dialing -= 1
        if connection is not None:
            self._open.add(connection)
        on_done(connection)

    def _log(self, reason: str) -> None:
        """Tell why connecting fails, once for each reason in a row; callers are never told."""
        if reason != self._last_failure:
            logger.warning("connecting to %s port %d failed: %s", *self.address, reason)
            self._last_failure = reason

    def put_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next exchange; nobody asks a closed pool for one, nor sweeps it."""
        if self._is_closed or (self.addresses is not None and self._is_gone(connection)):
            connection.close()
            return
        connection.is_used = True
        connection.idle_since = self._clock
        self.idle.append(connection)

    def use_addresses(self, addresses: Addresses) -> None:
        """Connect to these from now on; connections to others serve no further call."""
        self.addresses = addresses
        for connection in self.idle:
            if connection.is_open and self._is_gone(connection):
                connection.close()

    def _is_gone(self, connection: UpstreamConnection) -> bool:
        peer = connection.transport.get_extra_info("peername")
        return self.addresses is not None and (peer is None or str(peer[0]) not in self.addresses.now)

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection is gone; one that is still listed as idle is skipped when its turn comes."""
        self._open.discard(connection)

    def close_idle(self, now: float) -> None:
        """Close what nobody has needed for a while."""
        self._clock = now
        kept: list[UpstreamConnection] = []
        for connection in self.idle:
            if connection.is_open and now - connection.idle_since < IDLE_S:
                kept.append(connection)
            elif connection.is_open:
                connection.close()
        self.idle[:] = kept

    def close(self) -> None:
        """Close everything idle, for good; exchanges under way finish first, and their connections are closed then."""
        self._is_closed = True
        for connection in self.idle:
            if connection.is_open:
                connection.close()
        self.idle.clear()
