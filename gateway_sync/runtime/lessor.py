"""Lessor: leases limits for all workers of this host from Redis, where the gateways of an environment meet.

Where Redis is not in reach the control plane asks it for this host.

Owns: the connection, what is held of which cell, when it is given back. The path of a request never waits for it longer
than a call without a lease waits at most. Must not know: calls, subscriptions.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from gateway_sync.runtime import channel
from gateway_sync.runtime.core.leases import WHOLE
from gateway_sync.runtime.credentials import Doors
from gateway_sync.runtime.generations import GenerationInvalid, read_environment
from gateway_sync.runtime.lease_door import ANSWER_S, Door, DoorLost, open_door
from gateway_sync.runtime.lease_scripts import FORGOTTEN, OVER, Names
from gateway_sync.runtime.lease_words import AT_ONCE, Begin, Declare, Declared, Enter, GiveBack, Lease, Look, Meet
from gateway_sync.runtime.leased_cells import CELLS_FILE, LEASES_FILE, Count, LeasedCells
from gateway_sync.runtime.rate_shares import RateShares
from gateway_sync.runtime.relayed_door import RelayedDoor
from gateway_sync.snapshot import SnapshotInvalid

logger = logging.getLogger(__name__)

HELD_S: Final = 10.0  # what is granted may be spent as long after the last word from Redis
BREAK_S: Final = 1.0
MEET_S: Final = 1.0
LOOK_S: Final = 0.2  # at an epoch that is not open yet
IDLE_ROUNDS: Final = 3  # of meeting, in which nothing was spent: then the rest is given back
RELAYED_WAIT_S: Final = 0.5  # a call waits so long for a lease that comes by way of the control plane
ACKNOWLEDGE_S: Final = 5.0
TOLD_AT_ONCE: Final = 5_000
ALONE, JOINING, WAITING, SHARED, DEGRADED = "alone", "joining", "waiting", "shared", "degraded"
NOT_CONFIRMED, COUNTS_ALONE = "limits.E001", "limits.E002"

Place = tuple[int, int]  # (offset of a cell, position)


class _Held:
    """What this host has of one window."""

    __slots__ = ("end", "idle", "of", "start", "used")

    def __init__(self, of: bytes, start: int, end: int) -> None:
        self.of, self.start, self.end = of, start, end
        self.used = -1
        self.idle = 0


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
        self._tell = tell
        self._doors = doors
        self._is_relayed = False
        self._cells: LeasedCells | None = None
        self._hosts = 1  # as many as there may be
        self._is_wanted = asyncio.Event()
        self._wake = asyncio.Event()
        self._wanted: dict[Place, tuple[int, int]] = {}
        self._held: dict[Place, _Held] = {}
        self._untold: dict[tuple[str, int, int], tuple[int, int]] = {}
        self._rates = RateShares()
        self._door: Door | None = None
        self._session = 0
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
        self._hosts = max(1, hosts)
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
        self._cells.lose_contact()
        if not counted_alone:
            self._become(WAITING)
            self.is_shared = True
            self._tell(channel.Share(self.wait_s))
        self._is_wanted.set()

    def problems(self) -> dict[str, str]:
        """What is wrong here now, by code."""
        if self.is_degraded:
            why = f": {self._why}" if self._why else ""
            text = "What other gateways have used of quotas cannot be learned; what is granted already is spent"
            return {NOT_CONFIRMED: f"{text}{why}."}
        if self._hosts > 1 and self._cells is None:
            return {COUNTS_ALONE: f"This gateway counts quotas and rates for itself. {self._fault}".strip()}
        return {}

    def report(self) -> dict[str, object]:
        """What the control plane is told; `noted` says that it has it."""
        counts = [[*place, *numbers] for place, numbers in list(self._untold.items())[:TOLD_AT_ONCE]]
        if not self.host:
            return {}
        state = JOINING if self.state == ALONE and self._cells is not None else self.state
        told = {"host": self.host, "state": state, "epoch": self.epoch, "counts": counts}
        return {"limits": told | {"is_relayed": self._is_relayed}}

    def noted(self, told: dict[str, object]) -> None:
        """The control plane has what a report told."""
        limits = told.get("limits")
        for cell, position, start, mine, end in limits["counts"] if isinstance(limits, dict) else ():
            if self._untold.get((cell, position, start)) == (mine, end):
                del self._untold[cell, position, start]

    def hear(self, message: channel.Wants | channel.Asking) -> None:
        """A worker's word."""
        if isinstance(message, channel.Asking):
            self._rates.ask(message.offsets)
            self._told -= not message.offsets
            return
        for offset, position, limit, end in message.cells:
            self._wanted[offset, position] = limit, end
        if self.state == SHARED:
            self._wake.set()
        else:
            self._answer()

    async def run(self) -> None:
        """Lease for ever, once there is somebody to share with."""
        await self._is_wanted.wait()
        while True:
            try:
                self._door = await self._open_door()
                await self._serve(self._door)
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
        if self._door is not None and self.state == SHARED and self._cells is not None:
            self._cells.lose_contact()
            try:
                await self._give_back(self._door, list(self._held))
            except DoorLost as error:
                logger.warning("leases were not given back: %s", error)

    def _become(self, state: str) -> None:
        self._degraded_s = self.degraded_for()
        self.state, self._since = state, time.monotonic()

    def _lose(self) -> None:
        """No door is open: who waits for a lease is answered by what is held."""
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._cells is not None:
            self._cells.lose_contact()
        self._answer()

    def _answer(self) -> None:
        places, self._wanted = list(self._wanted), {}
        if places:
            self._tell(channel.Leased(places))

    async def _serve(self, door: Door) -> None:
        """Lease until the door is lost. Errors: DoorLost."""
        run, self._session = _entered((await door.ask([Enter()]))[0])
        await self._enter(door, run)
        next_meeting = 0.0
        while True:
            if time.monotonic() >= next_meeting:
                await self._meet(door)
                next_meeting = time.monotonic() + MEET_S
                self._wake_if_wanted()
            if self._wanted:
                await self._lease(door)
            self._wake.clear()
            if not self._wanted:
                await _first_of(self._wake, next_meeting - time.monotonic())

    def _wake_if_wanted(self) -> None:
        if self._wanted:
            self._wake.set()

    async def _enter(self, door: Door, run: str) -> None:
        """Be in the open epoch; what was granted in another is void, and what was used is said anew.

        An epoch begins with the run of Redis that it was opened in: after a restart nothing of before is trusted,
        however much of it Redis has found on its disk.
        """
        cells = self._own_cells()
        said = ""
        while True:
            (known,) = await door.ask([Look()])
            epoch, opening = [_text(each) for each in known] if isinstance(known, list) else ("", "")
            if epoch.startswith(f"{run}."):
                if not self.is_shared:
                    await self._leave_off_counting_alone()
                if epoch != cells.epoch or not self.epoch:
                    if epoch not in (cells.epoch, said):
                        await self._declare(door, epoch)
                    cells.epoch = self.epoch = epoch
                return
            if not self.is_shared:
                await self._leave_off_counting_alone()
            self._become(WAITING)
            self._why = "the counts are being collected"
            if not opening.startswith(f"{run}."):
                await door.ask([Begin(secrets.token_hex(8))])
            elif opening != said:
                await self._declare(door, opening)
                await door.ask([Declared(opening)])
                said = self.epoch = opening
                self.on_news()  # the control plane opens it once it hears that all have
            else:
                await asyncio.sleep(LOOK_S)

    async def _leave_off_counting_alone(self) -> None:
        """Return when every worker spends leases: only then does what was used stand still. Errors: DoorLost."""
        self.is_shared = True
        self._told = self._tell(channel.Share(self.wait_s))
        deadline = time.monotonic() + ACKNOWLEDGE_S
        while self._told > 0:
            if time.monotonic() > deadline:
                self.is_shared = False
                message = "a worker does not answer"
                raise DoorLost(message)
            await asyncio.sleep(0.01)

    async def _declare(self, door: Door, epoch: str) -> None:
        """Void all that is held, and say what was used of windows that are open."""
        cells = self._own_cells()
        cells.note_contact(0, is_made=False)
        cells.epoch = ""
        self._held.clear()
        for found in cells.void_all(int(time.time())):
            for some in _parts(found):
                await door.ask([Declare(epoch, *count) for count in some])
                self._note(some)
            await asyncio.sleep(0)

    def _note(self, counts: Iterable[Count]) -> None:
        """Keep what the control plane is to be told."""
        for cell, position, start, mine, end in counts:
            self._untold[cell.hex(), position, start] = mine, end

    async def _meet(self, door: Door) -> None:
        """Say that this host is here, learn who else is, and share rates. Errors: DoorLost."""
        cells = self._own_cells()
        began, asked_ns = time.time_ns(), time.monotonic_ns()
        met = (await door.ask([Meet(self._rates.asked(cells))]))[0]
        seconds, microseconds, epoch, told = met if isinstance(met, list) else ("0", "0", "", [])
        if _text(epoch) != self.epoch:
            message = "Redis does not know the counts any more"
            raise DoorLost(message)
        theirs = int(seconds) * 10**9 + int(microseconds) * 1000
        cells.note_hosts(
            share=WHOLE // (len(told) + 1),
            hosts=max(self._hosts, len(told) + 1),
            offset_ns=theirs - (began + time.time_ns()) // 2,
        )
        self._rates.share(cells, told, len(told))
        cells.note_contact(asked_ns + int(HELD_S * 1e9), is_made=True)  # Redis heard of this host then or later
        if self.state != SHARED:
            self._become(SHARED)
            logger.info("limits are shared by %d gateways", len(told) + 1)
        await self._give_back(door, self._idle())

    async def _lease(self, door: Door) -> None:
        """Ask for what workers want, and tell them. Errors: DoorLost."""
        cells = self._own_cells()
        some = dict(list(self._wanted.items())[:AT_ONCE])
        looks = {place: cells.look_at(*place) for place in some}
        asked = [self._question(place, looks[place], *some[place]) for place in some]
        answers = await door.ask(asked, is_urgent=True)
        for place, answer in zip(some, answers, strict=True):
            state, mine, total = answer if isinstance(answer, list) else (FORGOTTEN, 0, 0)
            if state == FORGOTTEN:
                message = "Redis does not know the counts any more"
                raise DoorLost(message)
            of, start, _, _ = looks[place]
            if state != OVER and cells.grant(place[0], of, place[1], start, (mine, total)):
                held = self._held.get(place)
                if held is None or (held.of, held.start) != (of, start):
                    self._held[place] = _Held(of, start, some[place][1])
                self._note([(of, place[1], start, mine, some[place][1])])
            self._wanted.pop(place, None)
        self._tell(channel.Leased(list(some)))

    def _question(self, place: Place, look: tuple[bytes, int, int, int], limit: int, end: int) -> Lease:
        of, start, used, granted = look
        return Lease(self.epoch, self._session, of, place[1], start, limit, used, granted, self._hosts, end)

    def _idle(self) -> list[Place]:
        """Where nothing was spent for a while; windows that are over are forgotten."""
        cells, found = self._own_cells(), []
        for place, held in list(self._held.items()):
            of, start, used, granted = cells.look_at(*place)
            if (of, start) != (held.of, held.start):
                del self._held[place]
                continue
            held.idle = held.idle + 1 if used == held.used else 0
            held.used = used
            if held.idle >= IDLE_ROUNDS:
                if granted > used:
                    found.append(place)
                else:
                    del self._held[place]
        return found

    async def _give_back(self, door: Door, places: list[Place]) -> None:
        """Void what is left at the places, then let the others have it. Errors: DoorLost."""
        cells = self._own_cells()
        for some in _parts(places):
            voided = [(place, cells.void(*place)) for place in some]
            words = []
            for place, (of, start, kept) in voided:
                held = self._held.pop(place, None)
                if held is None or (of, start) != (held.of, held.start):
                    continue
                words.append(GiveBack(self.epoch, self._session, of, place[1], start, kept))
                self._note([(of, place[1], start, kept, held.end)])
            if words:
                await door.ask(words)

    def _own_cells(self) -> LeasedCells:
        if self._cells is None:
            message = "limits are not shared"
            raise DoorLost(message)
        return self._cells


def _parts(items: list[Count] | list[Place]) -> Iterator[list]:  # type: ignore[type-arg]
    for first in range(0, len(items), AT_ONCE):
        yield items[first : first + AT_ONCE]


async def _first_of(event: asyncio.Event, longest_s: float) -> None:
    """Return when the event is set, or the time is over."""
    try:
        async with asyncio.timeout(max(0.0, longest_s)):
            await event.wait()
    except TimeoutError:
        return


def _text(answer: object) -> str:
    return answer.decode() if isinstance(answer, bytes) else ""


def _entered(answer: object) -> tuple[str, int]:
    """(the run of Redis, the number of this connection). Errors: DoorLost."""
    run, session = answer if isinstance(answer, list) else (b"", 0)
    if not run:
        message = "Redis does not tell its run_id"
        raise DoorLost(message)
    return _text(run), session


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
