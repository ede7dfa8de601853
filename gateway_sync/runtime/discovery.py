"""Discovery: which addresses the names of targets stand for now, asked again from time to time.

The interface is `Resolve`: a name and a port to addresses. The system's resolver, which stands behind it here, does not
tell how long its answer holds; each upstream says how often to ask. What an answer no longer names is drained: its idle
connections are closed, those under way serve no further call.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway_sync.runtime.serving import Serving
    from gateway_sync.runtime.upstream_pool import Pool

logger = logging.getLogger(__name__)

Resolve = Callable[[str, int], Awaitable[list[str]]]

TIMEOUT_S = 5.0


async def resolve_by_system(host: str, port: int) -> list[str]:
    """The addresses of a name. Errors: OSError, UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Addresses:
    """What a name stands for; new connections go to each of them in turn."""

    __slots__ = ("_turn", "now")

    def __init__(self, now: list[str]) -> None:
        """now is not empty."""
        self.now = now
        self._turn = 0

    def in_turn(self) -> list[str]:
        """All of them, another one first each time."""
        self._turn = (self._turn + 1) % len(self.now)
        return self.now[self._turn :] + self.now[: self._turn]


class Discovery:
    """The names that one worker asks about."""

    def __init__(self, resolve: Resolve = resolve_by_system) -> None:
        """Nothing was asked yet."""
        self._resolve = resolve
        self._due_ms: dict[tuple[str, int], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def tick(self, serving: Serving) -> None:
        """Ask about the names whose time has come; called with each sweep."""
        now_ms = serving.now_ms
        for upstream in serving.upstreams.pools():
            settings = upstream.settings.discovery
            if settings is None:
                continue
            for member in upstream.members:
                address = member.target.address
                if is_name(address[0]) and self._due_ms.get(address, 0) <= now_ms:
                    self._due_ms[address] = now_ms + settings.every_ms
                    task = asyncio.get_running_loop().create_task(self.refresh(serving.pool_of(member.target)))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def refresh(self, pool: Pool) -> None:
        """Ask what the pool's name stands for; what cannot be found out leaves everything as it is."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                found = await self._resolve(*pool.address)
        except (OSError, UnicodeError, TimeoutError) as error:
            logger.warning("looking up %s failed: %s", pool.address[0], error or "it takes too long")
            return
        if found and (pool.addresses is None or set(found) != set(pool.addresses.now)):
            pool.use_addresses(Addresses(found))


def is_name(host: str) -> bool:
    """True when a host is no address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False
