"""Delay: a call that is held for a while on purpose, with what comes of its body meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway_sync.runtime.exchange import Exchange

_LEEWAY_S = 1.0


class Delay:
    """One held call; goes on by itself unless the caller has left."""

    __slots__ = ("_exchange", "_held", "_on_end")

    def __init__(self, exchange: Exchange, delay_ms: int, on_end: Callable[[], None]) -> None:
        """Begins now."""
        self._exchange = exchange
        self._on_end = on_end
        self._held: list[tuple[bytes, bool]] = []
        delay_s = delay_ms / 1000
        exchange.client.deadline = exchange.serving.clock + delay_s + _LEEWAY_S
        asyncio.get_running_loop().call_later(delay_s, self._end)

    def hold(self, content: bytes, *, is_complete: bool) -> None:
        """Keep a part of the body; the caller sends no more until the call goes on."""
        self._held.append((content, is_complete))
        if not is_complete:
            self._exchange.client.pause_reading(is_paused=True)

    def send_held(self) -> None:
        """Send on what was kept."""
        held, self._held = self._held, []
        for content, is_complete in held:
            if not self._exchange.is_over:
                self._exchange.send_on(content, is_complete=is_complete)

    def _end(self) -> None:
        if not self._exchange.is_over:
            self._on_end()
