"""When a gateway tells of itself: once for what happens together, and again for what happened meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway_sync.runtime.control_plane import ControlPlaneDown, ControlPlaneRefused
from gateway_sync.runtime.reporting import LONGEST_PAUSE_S, Reporting
from tests.waiting import PATIENCE_S

FOR_EVER_S = 3600.0


class Told:
    """What was reported of workers that take revisions over; a report is under way until `meanwhile` returned."""

    def __init__(self, every_s: float = FOR_EVER_S) -> None:
        self.applied = [0, 0]
        self.reports: list[list[int]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.failure: ControlPlaneDown | None = None
        self._is_told = asyncio.Condition()
        self.reporting = Reporting(self._tell, every_s)

    def apply(self, worker: int, revision: int) -> None:
        self.applied[worker] = revision
        self.reporting.soon()

    async def _tell(self) -> ControlPlaneDown | None:
        self.reports.append(list(self.applied))
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        async with self._is_told:
            self._is_told.notify_all()
        return self.failure

    async def until(self, count: int) -> None:
        """Return when so many reports were made."""
        async with asyncio.timeout(PATIENCE_S), self._is_told:
            await self._is_told.wait_for(lambda: len(self.reports) >= count)


async def followed(told: Told, act: Callable[[Told], None], count: int) -> list[list[int]]:
    """The reports until there are so many, when something happens after the first."""
    running = asyncio.create_task(told.reporting.run())
    await told.until(1)
    act(told)
    await told.until(count)
    running.cancel()
    return told.reports


def test_a_report_tells_of_all_workers_that_took_a_change_over_together() -> None:
    async def main() -> list[list[int]]:
        told = Told()

        def act(told: Told) -> None:
            told.apply(0, 1)
            asyncio.get_running_loop().call_soon(told.apply, 1, 1)

        return await followed(told, act, 2)

    assert asyncio.run(main()) == [[0, 0], [1, 1]]


def test_a_worker_that_comes_later_is_told_by_the_next_report_and_not_after_a_period() -> None:
    async def main() -> list[list[int]]:
        told = Told()

        def act(told: Told) -> None:
            told.meanwhile = lambda: told.apply(1, 1)
            told.apply(0, 1)

        return await followed(told, act, 3)

    assert asyncio.run(main()) == [[0, 0], [1, 0], [1, 1]]


def test_without_news_it_is_told_by_the_clock() -> None:
    async def main() -> int:
        told = Told(every_s=0.0)
        running = asyncio.create_task(told.reporting.run())
        await told.until(3)
        running.cancel()
        return len(told.reports)

    assert asyncio.run(main()) >= 3


def test_who_is_asked_to_come_back_later_does_though_there_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    told = Told()
    told.failure = ControlPlaneRefused(503, 3600, b"")

    async def main() -> None:
        pause = asyncio.sleep

        async def note(seconds: float) -> None:
            pauses.append(seconds)
            told.apply(0, len(pauses))
            if len(pauses) == 2:
                told.failure = None
            await pause(0)

        monkeypatch.setattr("gateway_sync.runtime.reporting.asyncio.sleep", note)
        running = asyncio.create_task(told.reporting.run())
        await told.until(3)
        running.cancel()

    asyncio.run(main())
    assert len(told.reports) == 3
    assert min(pauses[:2]) > LONGEST_PAUSE_S
