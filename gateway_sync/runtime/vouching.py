"""Vouching: when the control plane last vouched for the access records here, and whether that is too long ago.

Owns: the time of that proof, in memory and on disk. What counts as one is the keeper's. Time is counted by the clock
of the host that nobody sets and that runs while it sleeps too, so a wall clock that jumps changes nothing. Over a start
of the host there is nothing but the wall clock: one that is behind the proof says nothing, and then no proof is known.
A clock that was set back by less than the host was down, and a machine that was put back from an image of its memory,
make records look younger than they are until the control plane answers.
"""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import Final, Protocol

import msgspec

from gateway_sync.runtime.generations import GenerationInvalid, read_environment
from gateway_sync.snapshot import SnapshotInvalid

logger = logging.getLogger(__name__)

UNCONFIRMED: Final = "access.E004"
KEPT_EACH_S: Final = 10.0  # between two writes: after a restart records look so much older at most
_ASKS: Final = 3  # how often the control plane is asked at least in the time that is allowed
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """The clocks of a host."""

    def running_s(self) -> float:
        """Since the host was started; the same in all of its processes."""

    def wall_s(self) -> float:
        """Since the epoch, as far as the host knows."""

    def boot(self) -> str:
        """What names this run of the host; "" = not known."""


def running_s() -> float:
    """Seconds since this host was started; they go on while it sleeps, unlike those of the monotonic clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class HostClock:
    """Those of this host."""

    def running_s(self) -> float:
        """Nobody sets it."""
        return running_s()

    def wall_s(self) -> float:
        """May jump."""
        return time.time()

    def boot(self) -> str:
        """The kernel's."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""


class _Kept(msgspec.Struct, frozen=True):
    boot: str
    running_s: float
    wall_s: float


_KEPT: Final = msgspec.json.Decoder(_Kept)


class Vouching:
    """The last proof of one gateway. One writer: the supervisor."""

    def __init__(self, home: Path, clock: Clock | None = None) -> None:
        """Reads what was kept.

        Where nothing ever was, as after an update from a release that kept nothing, time begins now, and that is kept:
        once. What cannot be read is no proof.
        """
        self._path = home / "vouched.json"
        self._clock = clock or HostClock()
        self._kept_at = -math.inf
        self.most_s = 0  # 0 = for ever
        self.at = self._read()  # of the clock that runs; None = not known

    def _read(self) -> float | None:
        now = self._clock.running_s()
        try:
            kept = _KEPT.decode(self._path.read_bytes())
        except FileNotFoundError:
            self._keep(now)
            return now
        except (OSError, ValueError) as error:
            logger.warning("when access records were vouched for cannot be read: %s", error)
            return None
        if kept.boot and kept.boot == self._clock.boot():
            return kept.running_s if kept.running_s <= now else None
        gone_s = self._clock.wall_s() - kept.wall_s
        return now - gone_s if gone_s >= 0 else None

    def _keep(self, now: float) -> None:
        """Write the proof down, whole or not at all; without it, the one before counts after a restart."""
        kept = _Kept(self._clock.boot(), now, self._clock.wall_s())
        beside = self._path.with_suffix(".new")
        try:
            beside.write_bytes(msgspec.json.encode(kept))
            beside.replace(self._path)
        except OSError as error:
            logger.warning("when access records were vouched for could not be kept: %s", error)
        else:
            self._kept_at = now

    def use(self, generation: Path) -> None:
        """Heed what this state says of how old records may be."""
        try:
            self.most_s = read_environment(generation).max_revocation_age_s
        except (GenerationInvalid, SnapshotInvalid, OSError) as error:
            logger.warning("how old access records may be cannot be read: %s", error)

    def note(self, *, is_on_disk: bool) -> None:
        """The control plane vouched just now. Shapes: is_on_disk = for what a restart would begin with, too."""
        self.at = now = self._clock.running_s()
        if is_on_disk and now - self._kept_at >= KEPT_EACH_S:
            self._keep(now)

    def age_s(self) -> float | None:
        """Seconds since then; None = not known."""
        return None if self.at is None else max(0.0, self._clock.running_s() - self.at)

    def wait_s(self, longest_s: float) -> float:
        """How long an answer may be waited for, so that there are several in the time that is allowed.

        Not at all once answers stayed out: who is back should vouch at once, and not when there is something new.
        """
        if not self.most_s:
            return longest_s
        age_s = self.age_s()
        return min(longest_s, self.most_s / _ASKS) if age_s is not None and age_s < self.most_s / 2 else 0.0

    def problems(self) -> dict[str, str]:
        """Calls with credentials are refused now."""
        age_s = self.age_s()
        if not is_too_old(age_s, self.most_s):
            return {}
        message = (
            "It is not known when the control plane vouched for the access records. Calls that need a credential are"
            " refused with 503 until it does."
            if age_s is None
            else f"The control plane has not vouched for the access records for {age_s:.0f} s; {self.most_s} s are the"
            " most here. Calls that need a credential are refused with 503 until it does."
        )
        return {UNCONFIRMED: message}


def is_too_old(age_s: float | None, most_s: int) -> bool:
    """Whether records of this age are not to be trusted. Shapes: age None = not known; most 0 = they always are."""
    return most_s > 0 and (age_s is None or age_s > most_s)
