"""WorkerTrial: one worker of a gateway serves the state on trial, and is compared with the others meanwhile.

Owns: which slot it is, what is counted on both sides, and the end when it does worse. Must not know: where trials come
from, and what becomes of the publication: the control plane reads the report.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway_sync.runtime.core.shadows import PREFIX
from gateway_sync.runtime.core.trials import ENOUGH_CALLS, Side, find_fault, words_of
from gateway_sync.runtime.keeper import Keeper
from gateway_sync.runtime.observing import Observer, Seen
from gateway_sync.runtime.on_trial import WORSE
from gateway_sync.runtime.slots import Slot
from gateway_sync.runtime.spool_format import CLIENT_CLOSED, CODE_NUMBERS
from gateway_sync.runtime.stats import REFUSED, REQUESTS
from gateway_sync.usage_wire import UNMETERED_CODE, UsageCell

AT_LEAST: Final = 2  # workers: one tries it, and one does not
BEFORE: Final = 150  # reports that are looked back on
LOOK_S: Final = 10.0  # further, with each look at a trial that is on
SERVER_ERROR: Final = 500


class WorkerTrial:
    """A Sink of the Observer, which reads while something is on trial only."""

    def __init__(self, keeper: Keeper, slots: Sequence[Slot], stats: Sequence[memoryview]) -> None:
        """slots is the supervisor's own list; stats are their counts."""
        self._keeper = keeper
        self._slots = slots
        self._stats = stats
        self._before: deque[tuple[int, int]] = deque(maxlen=BEFORE)
        self._digest = ""  # of the state that is counted for
        self._usual = 1.0  # calls of the worker that tries, to one of the others
        self._changed: frozenset[str] | None = None  # the versions that are judged; None = all
        self._boots: set[str] = set()  # lives of the worker that tries
        self.mine, self.beside = Side(), Side()

    @property
    def is_possible(self) -> bool:
        """True when there is a worker to try something, and one to compare it with."""
        return len(self._slots) >= AT_LEAST

    def _trying(self) -> Slot | None:
        """The slot whose worker tries; the last one, for that of the first checks the health of targets for all."""
        return self._slots[-1] if self.is_possible and self._keeper.trial.manifest is not None else None

    def state_for(self, slot: Slot) -> tuple[Path | None, str]:
        """The generation that the worker of a slot is to serve, and its digest."""
        trial, keeper = self._keeper.trial, self._keeper
        if slot is self._trying() and trial.manifest is not None:
            return trial.path, trial.manifest.digest
        return keeper.generation, keeper.manifest.digest if keeper.manifest is not None else ""

    def problem_of(self, slot: Slot) -> list[Mapping[str, object]]:
        """Why the trial ended here, for the report of the worker that tried."""
        problem = self._keeper.trial.problem
        return [problem] if problem and self._slots and slot is self._slots[-1] else []

    def look(self, observer: Observer, names: Mapping[str, tuple[str, str]]) -> bool:
        """Called with each report: True when the trial was ended, for the worker does worse than the others."""
        if not self.is_possible:
            return False
        slot, manifest = self._trying(), self._keeper.trial.manifest
        if slot is None or manifest is None:
            self._digest = ""
            self._before.append(self._counted())
            return False
        observer.want(LOOK_S)
        if slot.applied is None or slot.applied.digest != manifest.digest:
            return False
        self._boots.add(slot.boot)
        if self._digest != manifest.digest:
            self._begin(manifest.digest)
            return False
        # The Observer goes on counting, in its thread.
        fault = find_fault(self.mine.copy(), self.beside.copy(), self._usual)
        if fault is None:
            return False
        self._keeper.trial.refuse(WORSE, words_of(fault, names, "the worker on trial", "the workers beside it"))
        self._digest = ""
        return True

    def _begin(self, digest: str) -> None:
        """Count from now on."""
        now, earlier = self._counted(), self._before[0] if self._before else (0, 0)
        mine, others = (after - before for after, before in zip(now, earlier, strict=True))
        is_enough = min(mine, others) >= ENOUGH_CALLS
        self._usual = mine / others if is_enough else 1 / (len(self._slots) - 1)
        self._changed = self._keeper.trial.changed
        self.mine, self.beside, self._boots = Side(), Side(), {self._slots[-1].boot}
        self._digest = digest

    def _counted(self) -> tuple[int, int]:
        """What the worker that tries passed on, ever; and the others together."""
        passed = [cells[REQUESTS] - cells[REFUSED] for cells in (self._stats[slot.number] for slot in self._slots)]
        return passed[-1], sum(passed[:-1])

    def _is_judged(self, version: str) -> bool:
        return bool(self._digest) and (self._changed is None or version in self._changed)

    def _side(self, boot: str) -> Side:
        return self.mine if boot in self._boots or boot == self._slots[-1].boot else self.beside

    def take(self, seen: Seen) -> None:
        """One exchange of an identified caller."""
        context = seen.context
        kind = (context.version_id, context.application) if context is not None else ("", "")
        if self._is_judged(kind[0]):
            is_failed = seen.code > CODE_NUMBERS[CLIENT_CLOSED] or seen.status >= SERVER_ERROR
            self._side(seen.boot).count(kind, 1, is_failed=is_failed)

    def take_cells(self, boot: str, cells: Sequence[UsageCell]) -> None:
        """Exchanges without an identity; what a policy in shadow would have done is no exchange."""
        for cell in cells:
            if cell.code.startswith(PREFIX) or not self._is_judged(cell.version_id):
                continue
            if cell.code not in ("", CLIENT_CLOSED, UNMETERED_CODE) and cell.status < SERVER_ERROR:
                self._side(boot).count_refused(cell.version_id, cell.count)
            else:
                self._side(boot).count((cell.version_id, ""), cell.count, is_failed=cell.status >= SERVER_ERROR)

    def flush(self) -> None:
        """Nothing is kept back."""
