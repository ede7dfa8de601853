"""Gateways without callers: each asks the control plane as a real one does, and checks what it is sent.

What asks, waits, backs off and says which bytes it lacks is the gateways' own code (Follower, ControlPlane); what
stands for its disk keeps digests instead of content, so that hundreds fit into one process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

import msgspec

from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneRefused
from gateway_sync.runtime.credentials import Credentials, Doors
from gateway_sync.runtime.follower import Follower
from gateway_sync.runtime.keeper import Taken
from gateway_sync.runtime.updates import Update
from gateway_sync.snapshot import FORMAT, Manifest, digest


@dataclass(slots=True)
class Tally:
    """What the herd saw: seconds and bytes of answers that came at once, refusals, and when each knew everything."""

    answered_s: list[float] = field(default_factory=list)
    answer_bytes: int = 0
    whole: int = 0  # answers to who knew nothing
    busy: int = 0
    errors: list[str] = field(default_factory=list)


class _Vouching:
    """Keys need nobody who vouches for them, so an answer may be waited for as long as ever."""

    def wait_s(self, longest_s: float) -> float:
        return longest_s


class Knowledge:
    """What one gateway knows: in place of the Keeper."""

    def __init__(self, credentials: Credentials) -> None:
        """Knows nothing yet."""
        self._credentials = credentials
        self.vouching = _Vouching()
        self.generation: Manifest | None = None
        self.access_seq = 0
        self.wanted_seq = 1
        self.known_at = 0.0  # monotonic; 0 = something is missing
        self.have: frozenset[str] = frozenset()

    def ask(self, wait_s: float) -> bytes:
        """The body of a sync request."""
        known = self.generation
        asked = {
            "format": FORMAT,
            "revision": known.revision if known else 0,
            "digest": known.digest if known else "",
            "access_seq": self.access_seq,
            "have": sorted(self.have),
            "wait_s": wait_s,
        }
        return msgspec.json.encode(asked)

    def take(self, update: Update, *, is_pushed: bool) -> Taken:
        """Check signature and digests as the Keeper does; remember the digests."""
        manifest = update.manifest
        is_missing = update.access.more
        if manifest is not None and not is_pushed:
            if not self._credentials.verify(manifest):
                return Taken(is_refused=True)
            sent = {key for key, text in update.fragments.items() if digest(text.encode()) == key}
            wanted = set(manifest.fragments.values())
            if not wanted <= sent | self.have:
                return Taken(is_refused=True)
            self.generation, self.have = manifest, frozenset(wanted)
        if update.access.after == self.access_seq or update.access.is_full:
            self.access_seq = update.access.upto
        if self.generation is not None and not is_missing and self.access_seq >= self.wanted_seq:
            self.known_at = self.known_at or time.monotonic()
        return Taken(upto=update.access.upto if update.access.records else 0, is_incomplete=is_missing)


class _Counted(ControlPlane):
    """The control plane's doors, with a watch."""

    def __init__(self, doors: Doors, knowledge: Knowledge, tally: Tally) -> None:
        super().__init__(lambda: doors)
        self._knowledge = knowledge
        self._tally = tally

    def post(self, door: str, body: bytes, wait_s: float = 0.0, content_type: str = "application/json") -> bytes:
        """As ever; answers to who would not wait are timed."""
        knew, began = self._knowledge.generation is not None, time.monotonic()
        try:
            content = super().post(door, body, wait_s, content_type)
        except ControlPlaneRefused as error:
            self._tally.busy += error.status == 503  # noqa: PLR2004
            if error.status != 503:  # noqa: PLR2004
                self._tally.errors.append(str(error))
            raise
        if not wait_s:
            self._tally.answered_s.append(time.monotonic() - began)
        self._tally.whole += not knew
        self._tally.answer_bytes += len(content)
        return content


@dataclass(slots=True)
class Herd:
    """Gateways that ask for as long as `asking` lasts."""

    knowledge: Sequence[Knowledge]
    tally: Tally

    @property
    def waiting(self) -> int:
        """How many lack something."""
        return sum(not each.known_at for each in self.knowledge)

    def want_more(self) -> None:
        """There is news now: none knows everything any more."""
        for each in self.knowledge:
            each.wanted_seq, each.known_at = each.access_seq + 1, 0.0
        self.tally.answered_s.clear()


@contextmanager
def asking(control_url: str, credentials: Sequence[dict[str, str]]) -> Iterator[Herd]:
    """A gateway for each of credentials; all begin at once, and pull for ever."""
    tally = Tally()
    knowledge = [Knowledge(msgspec.convert(each, Credentials, strict=False)) for each in credentials]
    loop = asyncio.new_event_loop()
    pool = ThreadPoolExecutor(len(credentials) + 4)
    loop.set_default_executor(pool)
    planes = [
        _Counted(Doors(control_url, each["token"]), known, tally)
        for each, known in zip(credentials, knowledge, strict=True)
    ]
    followers = [
        Follower("default", plane, known, lambda _: None) for plane, known in zip(planes, knowledge, strict=True)
    ]
    tasks = [loop.create_task(each.pull()) for each in followers]
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Herd(knowledge, tally)
    finally:
        for plane in planes:
            plane.close()
        asyncio.run_coroutine_threadsafe(_end(tasks), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        pool.shutdown()
        loop.close()


async def _end(pulling: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them with what they wait for."""
    for task in pulling:
        task.cancel()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
