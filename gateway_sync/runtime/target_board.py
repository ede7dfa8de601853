"""TargetBoard: what the workers of a host say about targets, as its supervisor keeps it.

Owns: passing verdicts of health checks on, the last events, one picture of all workers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from gateway_sync.runtime import channel
from gateway_sync.runtime.target_report import EventTold, TargetTold, merge

EVENTS_KEPT = 50
WHOLE_EVERY = 5
CHECKING_SLOT = 0  # its worker runs the health checks for all


class TargetBoard:
    """The targets of one gateway."""

    def __init__(self, spread: Callable[[int, channel.Verdicts], None]) -> None:
        """spread sends verdicts to the workers of all slots but the one that found them."""
        self._spread = spread
        self._told: dict[int, dict[tuple[str, str, str], TargetTold]] = {}
        self._reported: list[tuple[str, str]] = []
        self._reports = 0
        self.down: list[str] = []
        self.events: deque[EventTold] = deque(maxlen=EVENTS_KEPT)

    def hear(self, slot: int, answer: channel.Verdicts | channel.Told) -> None:
        """Take in what the worker of a slot says."""
        if isinstance(answer, channel.Verdicts):
            self.down = answer.down
            self._spread(slot, answer)
            return
        known = {} if answer.is_anew else self._told.get(slot, {})
        self._told[slot] = known | {(each.version, each.arm, each.target): each for each in answer.targets}
        # Each worker notes the verdict of a check, which was found once for all of them.
        self.events.extend(event for event in answer.events if event not in self.events)

    def forget(self, slot: int) -> None:
        """The worker of a slot ended."""
        self._told.pop(slot, None)

    def targets(self) -> list[TargetTold]:
        """Each target as all workers together see it."""
        return merge(told.values() for told in self._told.values())

    def report(self) -> dict[str, object]:
        """What the control plane is told: all at once when a state changed, else with every WHOLE_EVERY-th report."""
        targets = self.targets()
        states = [(target.state, target.breaker) for target in targets]
        self._reports += 1
        if states == self._reported and self._reports % WHOLE_EVERY:
            return {}
        self._reported = states
        return {"targets": msgspec.to_builtins(targets), "events": msgspec.to_builtins(list(self.events))}
