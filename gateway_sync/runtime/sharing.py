"""Sharing: a worker's side of limits that several hosts share: calls that wait for a lease, and who is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway_sync.runtime import channel
from gateway_sync.runtime.leased_cells import LeasedCells, Wanted
from gateway_sync.runtime.stepping import Stepping

if TYPE_CHECKING:
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.serving import Serving

_AGAIN_S: Final = 0.25  # what was asked for so long ago may be asked for again
_MOST_REMEMBERED: Final = 65_536

Place = tuple[int, int]


class Sharing:
    """The leases of one worker."""

    def __init__(self, serving: Serving, home: Path, tell: Callable[[channel.Wants | channel.Asking], None]) -> None:
        """tell reaches the supervisor. Nothing is shared until `begin`."""
        self._serving = serving
        self._home = home
        self._tell = tell
        self._cells: LeasedCells | None = None
        self.wait_s = 0.0  # a call waits at most as long for a lease
        self._asked: dict[Place, float] = {}
        self._unsent: dict[Place, Wanted] = {}
        self._last: list[Place] = []
        self._waiting: dict[Place, list[Parked]] = {}
        self.returning: Parked | None = None  # that tries again now

    def hear(self, order: channel.ToWorker) -> None:
        """What the supervisor says."""
        if isinstance(order, channel.Share):
            self.begin(order.wait_s)
            self._tell(channel.Asking([]))  # from now on nothing is counted alone
        elif isinstance(order, channel.Leased):
            self._go_on(order.places)

    def begin(self, wait_s: float) -> None:
        """Spend leases from now on. Errors: OSError."""
        self.wait_s = wait_s
        if self._cells is None:
            own = self._serving.limits
            self._cells = self._serving.limits = LeasedCells(self._home, self._want)
            own.close()

    def sweep(self) -> None:
        """Tell whose rates were asked for."""
        if self._cells is not None and self._cells.asking:
            offsets, self._cells.asking = sorted(self._cells.asking), set()
            self._tell(channel.Asking(offsets))

    def _want(self, wanted: list[Wanted]) -> None:
        """A charge would like to be granted something; each is asked for once until it is answered."""
        now = asyncio.get_running_loop().time()
        self._last = [(offset, position) for offset, position, *_ in wanted]
        for each in wanted:
            place = each[:2]
            if now - self._asked.get(place, 0.0) < _AGAIN_S:
                continue
            if len(self._asked) >= _MOST_REMEMBERED:
                self._asked.clear()
            self._asked[place] = now
            if not self._unsent:
                asyncio.get_running_loop().call_soon(self._send)
            self._unsent[place] = each

    def _send(self) -> None:
        unsent, self._unsent = list(self._unsent.values()), {}
        self._tell(channel.Wants(unsent))

    def _go_on(self, places: list[Place]) -> None:
        """The supervisor has asked: what was granted is in the cells."""
        for place in places:
            self._asked.pop(place, None)
            for parked in self._waiting.pop(place, ()):
                parked.go_on()

    def park(self, exchange: Exchange) -> None:
        """Hold a call until a lease is there, or for as long as a call may wait."""
        parked = self.returning or Parked(exchange, self)
        parked.wait_for(self._last)
        for place in self._last:
            self._waiting.setdefault(place, []).append(parked)

    def decide(self, exchange: Exchange) -> None:
        """Answer a call by what is held: it has waited long enough."""
        if self._cells is None:
            return
        self._cells.is_last_word = True
        try:
            exchange.start()
        finally:
            self._cells.is_last_word = False

    def forget(self, parked: Parked, places: list[Place]) -> None:
        """It waits for these no more."""
        for place in places:
            waiting = self._waiting.get(place, [])
            if parked in waiting:
                waiting.remove(parked)
            if not waiting:
                self._waiting.pop(place, None)


class Parked(Stepping):
    """A call that waits for a lease, with what comes of its body meanwhile. It stands where its policies would."""

    __slots__ = ("_pieces", "_places", "_sharing", "_timer")

    def __init__(self, exchange: Exchange, sharing: Sharing) -> None:
        """Begins now."""
        super().__init__(exchange, exchange.rules)
        self.is_collecting = True
        self._sharing = sharing
        self._pieces: list[tuple[bytes, bool]] = []
        self._places: list[Place] = []
        self._timer = asyncio.get_running_loop().call_later(sharing.wait_s, self._decide)

    def wait_for(self, places: list[Place]) -> None:
        """Hold the call until something is heard of one of them."""
        self._places = places
        self._exchange.stepping = self

    def collect(self, content: bytes, *, is_complete: bool) -> None:
        """Keep a part of the body; the caller sends no more until the call goes on."""
        self._pieces.append((content, is_complete))
        if not is_complete:
            self._exchange.client.pause_reading(is_paused=True)

    def finish(self, request_bytes: int) -> None:  # noqa: ARG002 - as of its policies, of which none has run
        """The exchange has ended."""
        self._timer.cancel()
        self._stop_waiting()

    def go_on(self) -> None:
        """Try again, for leases have changed."""
        self._try_again(self._exchange.start)

    def _decide(self) -> None:
        self._try_again(lambda: self._sharing.decide(self._exchange))

    def _stop_waiting(self) -> None:
        places, self._places = self._places, []
        self._sharing.forget(self, places)

    def _try_again(self, start: Callable[[], None]) -> None:
        exchange = self._exchange
        if not self._places or exchange.is_over:
            return
        self._stop_waiting()
        exchange.stepping = None
        self._sharing.returning = self
        try:
            start()
        except Exception as error:  # noqa: BLE001 - the edge of the process: a bug must cost one request
            exchange.break_down(error, "internal-error")
        finally:
            self._sharing.returning = None
        if not self._places:
            self._timer.cancel()
            self._hand_over()

    def _hand_over(self) -> None:
        """Give what came of the body to who is next."""
        exchange = self._exchange
        pieces, self._pieces = self._pieces, []
        for content, is_complete in pieces:
            if exchange.is_over:
                return
            if exchange.stepping is not None and exchange.stepping.is_collecting:
                exchange.stepping.collect(content, is_complete=is_complete)
            else:
                exchange.send_on(content, is_complete=is_complete)
        if pieces and not pieces[-1][1] and not exchange.is_over and not exchange.is_waiting_to_send:
            exchange.client.pause_reading(is_paused=False)
