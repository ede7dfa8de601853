"""Lessor: leases limits for all workers of this host from Redis, where the gateways of an environment meet.

Where Redis is not in reach the control plane asks it for this host.

Owns: the connection, and how things stand. The path of a request never waits for it longer than a call without a lease
waits at most. Must not know: calls, subscriptions.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway_sync.runtime import channel
from gateway_sync.runtime.credentials import Doors
from gateway_sync.runtime.generations import GenerationInvalid, read_environment
from gateway_sync.runtime.lease_books import LeaseBooks, Place
from gateway_sync.runtime.lease_door import ANSWER_S, Door, DoorLost, open_door
from gateway_sync.runtime.lease_scripts import Names
from gateway_sync.runtime.lease_words import COUNTS_ALONE, NOT_CONFIRMED
from gateway_sync.runtime.leased_cells import CELLS_FILE, LEASES_FILE, LeasedCells
from gateway_sync.runtime.leasing import HELD_S, Leasing, Wish
from gateway_sync.runtime.rate_shares import RateShares
from gateway_sync.runtime.relayed_door import RelayedDoor
from gateway_sync.snapshot import SnapshotInvalid

logger = logging.getLogger(__name__)

BREAK_S: Final = 1.0
RELAYED_WAIT_S: Final = 0.5  # a call waits so long for a lease that comes by way of the control plane
ACKNOWLEDGE_S: Final = 5.0
ALONE, JOINING, WAITING, SHARED, DEGRADED = "alone", "joining", "waiting", "shared", "degraded"


class Lessor:
    """What is leased for one host."""

    def __init__(
        self,
        home: Path,
        environment: str,
        tell: Callable[[channel.Leased | channel.Share], int],
        doors: Callable[[], Doors],
    ) -> None:
        """tell reaches all workers and says how many there are. Nothing is shared until `use` says so."""
        self._home = home
        self._environment = environment
        self.tell = tell
        self._doors = doors
        self._is_relayed = False
        self._cells: LeasedCells | None = None
        self.hosts = 1  # as many as there may be
        self._is_wanted = asyncio.Event()
        self.wake = asyncio.Event()
        self.wanted: dict[Place, Wish] = {}
        self.books = LeaseBooks()
        self.rates = RateShares()
        self._door: Door | None = None
        self._leasing: Leasing | None = None
        self._why = self._fault = ""
        self.on_news: Callable[[], None] = lambda: None  # there is something that a report should tell at once
        self.state = ALONE
        self.is_shared = False  # workers spend leases
        self._told = 0  # workers that have not said yet that they do
        self.epoch = ""
        self.host = ""
        self._degraded_s = 0.0
        self._since = time.monotonic()

    @property
    def is_degraded(self) -> bool:
        """True while limits are shared and nobody can be asked."""
        return self.state in (WAITING, DEGRADED)

    def degraded_for(self) -> float:
        """How long that was so, in seconds."""
        return self._degraded_s + (time.monotonic() - self._since if self.is_degraded else 0.0)

    @property
    def wait_s(self) -> float:
        """How long a call may wait for a lease."""
        return RELAYED_WAIT_S if self._is_relayed else ANSWER_S

    def use(self, hosts: int) -> None:
        """Share limits with as many hosts; 0 or 1 = nobody. What was shared once stays so."""
        self.hosts = max(1, hosts)
        if hosts <= 1 or self._cells is not None:
            return
        try:
            self.host = _host_id(self._home)
        except OSError as error:
            logger.error("limits are not shared: %s", error)  # noqa: TRY400 - the disk is at fault
            return
        self._is_relayed = not self._doors().redis_url
        counted_alone = (self._home / CELLS_FILE).exists() and not (self._home / LEASES_FILE).exists()
        try:
            self._cells = LeasedCells(self._home)
        except OSError as error:
            self._fault = f"There is no room for leases: {error}."
            logger.error("limits are not shared: %s", error)  # noqa: TRY400 - the disk is at fault
            return
        self._fault = ""
        self._cells.begin(int(HELD_S * 1e9))
        if not counted_alone:
            self._become(WAITING)
            self.is_shared = True
            self.tell(channel.Share(self.wait_s))
        self._is_wanted.set()

    def problems(self) -> dict[str, str]:
        """What is wrong here now, by code."""
        if self.is_degraded:
            why = f": {self._why}" if self._why else ""
            text = "What other gateways have used of quotas cannot be learned; what this one holds of them is spent on"
            return {NOT_CONFIRMED: f"{text}{why}."}
        if self.hosts > 1 and self._cells is None:
            return {COUNTS_ALONE: f"This gateway counts quotas and rates for itself. {self._fault}".strip()}
        return {}

    def report(self) -> dict[str, object]:
        """What the control plane is told; `noted` says that it has it."""
        if not self.host:
            return {}
        state = JOINING if self.state == ALONE and self._cells is not None else self.state
        told = {"host": self.host, "state": state, "epoch": self.epoch, "counts": self.books.untold()}
        return {"limits": told | {"is_relayed": self._is_relayed}}

    def noted(self, told: dict[str, object]) -> None:
        """The control plane has what a report told."""
        limits = told.get("limits")
        if isinstance(limits, dict) and self._cells is not None:
            self.books.noted(limits["counts"], self._cells)

    def hear(self, message: channel.Wants | channel.Asking) -> None:
        """A worker's word."""
        if isinstance(message, channel.Asking):
            self.rates.ask(message.offsets)
            self._told -= not message.offsets
            return
        for offset, position, limit, end, least, most, part in message.cells:
            before = self.wanted.get((offset, position))
            self.wanted[offset, position] = limit, end, max(least, before[2] if before else 0), most, part
        if self.state == SHARED:
            self.wake.set()
        else:
            self._answer()

    async def run(self) -> None:
        """Lease for ever, once there is somebody to share with."""
        await self._is_wanted.wait()
        while True:
            try:
                door = self._door = await self._open_door()
                leasing = self._leasing = Leasing(self, door, self._own_cells())
                await leasing.run()
            except DoorLost as error:
                if self.state != DEGRADED or self._why != str(error):
                    logger.warning("limits are not shared: %s", error)
                self._why = str(error)
                if self.is_shared and (self.state != WAITING or self.epoch):
                    self._become(DEGRADED)
            finally:
                self._lose()
            await asyncio.sleep(BREAK_S)

    async def _open_door(self) -> Door:
        """The door to Redis, or to who asks it for this host. Errors: DoorLost."""
        if self._is_relayed:
            return RelayedDoor(self._doors, self._environment, self.host)
        return await open_door(self._doors().redis_url, Names(self._environment), self.host)

    async def stop(self) -> None:
        """Give back what is left, as far as Redis answers."""
        if self._leasing is not None and self.state == SHARED and self._cells is not None:
            self._cells.lose_contact()
            try:
                await self._leasing.give_back([(place, 0) for place in self.books.everywhere()])
            except DoorLost as error:
                logger.warning("leases were not given back: %s", error)

    def _become(self, state: str) -> None:
        self._degraded_s = self.degraded_for()
        self.state, self._since = state, time.monotonic()

    def wait_for_counts(self) -> None:
        """No epoch is open."""
        self._become(WAITING)
        self._why = "the counts are being collected"

    def be_shared(self, hosts: int) -> None:
        """So many gateways share."""
        if self.state != SHARED:
            self._become(SHARED)
            logger.info("limits are shared by %d gateways", hosts)

    def _lose(self) -> None:
        """No door is open: who waits for a lease is answered by what is held."""
        self._leasing = None
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._cells is not None:
            self._cells.lose_contact()
        self._answer()

    def _answer(self) -> None:
        places, self.wanted = list(self.wanted), {}
        if places:
            self.tell(channel.Leased(places))

    async def leave_off_counting_alone(self) -> None:
        """Return when every worker spends leases: only then does what was used stand still. Errors: DoorLost."""
        self.is_shared = True
        self._told = self.tell(channel.Share(self.wait_s))
        deadline = time.monotonic() + ACKNOWLEDGE_S
        while self._told > 0:
            if time.monotonic() > deadline:
                self.is_shared = False
                message = "a worker does not answer"
                raise DoorLost(message)
            await asyncio.sleep(0.01)

    def _own_cells(self) -> LeasedCells:
        if self._cells is None:
            message = "limits are not shared"
            raise DoorLost(message)
        return self._cells


def gateways_of(generation: Path) -> int:
    """With how many gateways a state says that limits are shared, 0 where it cannot be read."""
    try:
        return read_environment(generation).gateways
    except (GenerationInvalid, SnapshotInvalid, OSError):
        return 0


def _host_id(home: Path) -> str:
    """The name of this host's counts, made once."""
    path = home / "limits.id"
    if not path.exists():
        path.write_text(secrets.token_hex(8))
    return path.read_text().strip()
