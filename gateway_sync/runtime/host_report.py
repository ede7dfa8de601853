"""What a host says of itself: to the control plane, at its admin port and as metrics."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Final

from gateway_sync.runtime import channel
from gateway_sync.runtime.follower import Follower
from gateway_sync.runtime.generations import SOFTWARE_VERSION
from gateway_sync.runtime.slots import Slot
from gateway_sync.runtime.stats import read_gauges, read_stats
from gateway_sync.runtime.worker_trial import WorkerTrial

LONGEST: Final = 2_000  # message of a problem; a fifth of what is taken


class HostReport:
    """Reads what the parts of a supervisor know, each time it is asked."""

    def __init__(
        self,
        slots: Sequence[Slot],
        cells: Sequence[memoryview],
        follower: Follower,
        trial: WorkerTrial,
        problems: Callable[[Slot], dict[str, str]],
    ) -> None:
        """Shapes: cells has the counts of each slot; problems are messages by code, of a worker."""
        self._slots = slots
        self._cells = cells
        self._follower = follower
        self._trial = trial
        self._problems = problems

    def whole(self) -> dict[str, object]:
        """What runs here, each worker with what is wrong with it."""
        return {
            "software_version": SOFTWARE_VERSION,
            "host": socket.gethostname(),
            "is_push_connected": self._follower.is_push_connected,
            "takes_trials": self._trial.is_possible,
            "workers": [self._of_worker(slot) for slot in self._slots],
        }

    def stats_of(self, slot: Slot) -> dict[str, object]:
        """The counts of a slot, those of its earlier workers included."""
        return dict(read_stats(self._cells[slot.number]))

    def gauges_of(self, slot: Slot) -> dict[str, int]:
        """What the worker in a slot is and has."""
        return read_gauges(self._cells[slot.number])

    def _of_worker(self, slot: Slot) -> dict[str, object]:
        applied = slot.applied or channel.Applied(0, "", 0)
        problems = [*applied.problems, *self._problems(slot).items()]
        return {
            "slot": slot.number,
            "pid": slot.pid,
            "boot": slot.boot,
            "started_at": slot.started_at,
            "silent_s": int(slot.silent_s),
            "revision": applied.revision,
            "digest": applied.digest,
            "access_seq": applied.access_seq,
            "applied_at": slot.applied_at,
            "problems": [
                *({"code": code, "message": _plain(message)} for code, message in problems),
                *self._trial.problem_of(slot),
            ],
            "stats": self.stats_of(slot)
            | {"restarts": slot.restarts, "composites_under_way": self.gauges_of(slot)["composites_under_way"]},
        }


def _plain(message: str) -> str:
    """As much of a message as the control plane takes, whatever was read to make it."""
    return message[:LONGEST].replace("\0", "\ufffd")
