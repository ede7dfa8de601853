"""How a worker ends: at once but for what is under way, or so that nobody notices, for the next one in its slot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.shedding import LastExchange

if TYPE_CHECKING:
    from gateway_sync.runtime.serving import Serving

DRAIN_S = 10.0
RETIRE_S = 2.0  # in which each connection's next answer says that it is the last
QUIET_S = 0.5  # a connection without a request for so long is closed then
_STEP_S = 0.02


async def retire(serving: Serving, stop_accepting: Callable[[], None]) -> None:
    """Let callers move on between two requests: close no connection on which one may be on its way."""
    serving.exchange = LastExchange
    told: set[object] = set()
    _tell_those_with_a_word_for_it(serving, told)
    await asyncio.sleep(RETIRE_S)
    stop_accepting()
    await _see_off(serving, told)


async def _see_off(serving: Serving, told: set[object]) -> None:
    """Close what is quiet, and let the rest finish for at most DRAIN_S."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DRAIN_S
    quiet: dict[ClientConnection, tuple[float, float]] = {}
    while (serving.clients or _is_composing(serving)) and loop.time() < deadline:
        now = loop.time()
        _tell_those_with_a_word_for_it(serving, told)
        for client in list(serving.clients):
            if not isinstance(client, ClientConnection) or not client.is_idle:
                continue
            since, moved = quiet.setdefault(client, (now, client.deadline))
            if moved != client.deadline:
                quiet[client] = now, client.deadline
            elif now - since >= QUIET_S:
                client.drain()
        await asyncio.sleep(_STEP_S)


def _tell_those_with_a_word_for_it(serving: Serving, told: set[object]) -> None:
    """WebSocket and HTTP/2 can say that a connection ends, and lose nothing by it."""
    for client in list(serving.clients):
        if not isinstance(client, ClientConnection) and client not in told:
            told.add(client)
            client.drain()


def _is_composing(serving: Serving) -> bool:
    """True while composite operations are under way, be it without their callers."""
    return serving.compositions is not None and bool(serving.compositions.under_way)


async def drain(serving: Serving) -> None:
    """Tell each caller that its next answer is the last, close what is quiet, and let the rest finish.

    A connection that has just come may have its first request on the way: it is not idle but new.
    """
    serving.is_draining = True
    serving.exchange = LastExchange
    await _see_off(serving, set())
