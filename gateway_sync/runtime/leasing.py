"""Leasing: what one host says through one open door: that it is here, what it used, would like, and gives back.

Owns: the words and their order. It ends with DoorLost; what is held outlives it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from gateway_sync.runtime import channel
from gateway_sync.runtime.core.leases import KEPT_PART, WHOLE
from gateway_sync.runtime.lease_books import Place
from gateway_sync.runtime.lease_door import Door, DoorLost
from gateway_sync.runtime.lease_scripts import FORGOTTEN, OVER
from gateway_sync.runtime.lease_words import AT_ONCE, Begin, Declare, Declared, Enter, GiveBack, Lease, Look, Meet
from gateway_sync.runtime.leased_cells import LeasedCells

if TYPE_CHECKING:
    from gateway_sync.runtime.lessor import Lessor

HELD_S: Final = 10.0  # what is granted and not in the mirror may be spent as long after the last word from Redis
MEET_S: Final = 1.0
LOOK_S: Final = 0.2  # at an epoch that is not open yet
_FORGOTTEN_TEXT: Final = "Redis does not know the counts any more"

_Item = TypeVar("_Item")
Wish = tuple[int, int, int, int, int]  # (limit, end of the window, least, most, part)


class Leasing:
    """One connection's talk."""

    def __init__(self, lessor: Lessor, door: Door, cells: LeasedCells) -> None:
        """Nothing is said yet."""
        self._lessor, self._door, self._cells = lessor, door, cells
        self._session = 0

    async def run(self) -> None:
        """Lease until the door is lost. Errors: DoorLost."""
        run, self._session = _entered((await self._door.ask([Enter()]))[0])
        await self._enter(run)
        lessor, next_meeting = self._lessor, 0.0
        while True:
            if time.monotonic() >= next_meeting:
                await self._meet()
                next_meeting = time.monotonic() + MEET_S
            if lessor.wanted:
                await self._lease()
            lessor.wake.clear()
            if not lessor.wanted:
                await _first_of(lessor.wake, next_meeting - time.monotonic())

    async def _enter(self, run: str) -> None:
        """Be in the open epoch; what was granted in another and is not in the mirror is void, and the rest said anew.

        An epoch begins with the run of Redis that it was opened in: after a restart nothing of before is trusted,
        however much of it Redis has found on its disk.
        """
        lessor, cells, said = self._lessor, self._cells, ""
        while True:
            (known,) = await self._door.ask([Look()])
            epoch, opening = [_text(each) for each in known] if isinstance(known, list) else ("", "")
            if not lessor.is_shared:
                await lessor.leave_off_counting_alone()
            if epoch.startswith(f"{run}."):
                if epoch not in (cells.epoch, said):
                    await self._declare(epoch)
                elif not lessor.epoch:
                    await self._find_held()
                cells.epoch = lessor.epoch = epoch
                return
            lessor.wait_for_counts()
            if not opening.startswith(f"{run}."):
                await self._door.ask([Begin(secrets.token_hex(8))])
            elif opening != said:
                await self._declare(opening)
                await self._door.ask([Declared(opening)])
                said = lessor.epoch = opening
                lessor.on_news()  # the control plane opens it once it hears that all have
            else:
                await asyncio.sleep(LOOK_S)

    async def _declare(self, epoch: str) -> None:
        """Void what nobody else knows, and say what was used, or is kept, of windows that are open."""
        cells, books = self._cells, self._lessor.books
        cells.note_contact(0, is_made=False)
        cells.epoch = ""
        books.begin()
        for found in cells.void_all(int(time.time())):
            for some in _parts(found):
                await self._door.ask([Declare(epoch, *count) for _, _, count in some])
                books.find(some)
                for offset, _, count in some:
                    books.note(offset, count)
            await asyncio.sleep(0)

    async def _find_held(self) -> None:
        """After a restart within an epoch: know again what lies on disk."""
        for found in self._cells.held(int(time.time())):
            self._lessor.books.find(found)
            await asyncio.sleep(0)

    async def _meet(self) -> None:
        """Say that this host is here, learn who else is, and give back what is not needed. Errors: DoorLost."""
        lessor, cells = self._lessor, self._cells
        began, asked_ns = time.time_ns(), time.monotonic_ns()
        met = (await self._door.ask([Meet(lessor.rates.asked(cells), is_recalled=True)]))[0]
        # A control plane of the release before does not say what is recalled.
        seconds, microseconds, epoch, told, *rest = met if isinstance(met, list) else ("0", "0", "", [])
        if _text(epoch) != lessor.epoch:
            raise DoorLost(_FORGOTTEN_TEXT)
        theirs = int(seconds) * 10**9 + int(microseconds) * 1000
        cells.note_hosts(
            share=WHOLE // (len(told) + 1),
            hosts=max(lessor.hosts, len(told) + 1),
            offset_ns=theirs - (began + time.time_ns()) // 2,
        )
        lessor.rates.share(cells, told, len(told))
        cells.note_contact(asked_ns + int(HELD_S * 1e9), is_made=True)  # Redis heard of this host then or later
        lessor.be_shared(len(told) + 1)
        idle = lessor.books.idle(cells)
        recalled = lessor.books.recalled([_text(name) for name in rest[0]] if rest else [])
        await self.give_back([*((place, 0) for place in idle), *recalled])

    async def _lease(self) -> None:
        """Ask for what workers want, and tell them. Errors: DoorLost."""
        lessor, cells = self._lessor, self._cells
        some = dict(list(lessor.wanted.items())[:AT_ONCE])
        looks = {place: cells.look_at(*place) for place in some}
        asked = [self._question(place, looks[place], some[place]) for place in some]
        answers = await self._door.ask(asked, is_urgent=True)
        for place, answer in zip(some, answers, strict=True):
            state, mine, total = answer if isinstance(answer, list) else (FORGOTTEN, 0, 0)
            if state == FORGOTTEN:
                raise DoorLost(_FORGOTTEN_TEXT)
            of, start, _, _ = looks[place]
            _, end, least, _, part = some[place]
            is_kept = part == KEPT_PART
            is_granted = state != OVER and cells.grant(
                place, of, start, (mine, total), least=least, is_kept=is_kept
            )  # fmt: skip
            if is_granted:
                lessor.books.grant(place, (of, place[1], start, mine, end), is_kept=is_kept)
            lessor.wanted.pop(place, None)
        lessor.tell(channel.Leased(list(some)))

    def _question(self, place: Place, look: tuple[bytes, int, int, int], wish: Wish) -> Lease:
        of, start, used, granted = look
        limit, end, least, most, part = wish
        lessor = self._lessor
        return Lease(
            lessor.epoch, self._session, of, place[1], start, limit, used, granted, lessor.hosts, end, least, most, part
        )

    async def give_back(self, places: Sequence[tuple[Place, int]]) -> None:
        """Void what is left at the places, but for what is kept, then let the others have it. Errors: DoorLost."""
        lessor, cells = self._lessor, self._cells
        for some in _parts(places):
            words = []
            for place, keep in some:
                of, start, kept = cells.void(*place, keep)
                if lessor.books.give_back(place, (of, place[1], start, kept, 0), is_all=not keep):
                    words.append(GiveBack(lessor.epoch, self._session, of, place[1], start, kept))
            if words:
                await self._door.ask(words)


def _parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
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
