"""What a supervisor does for ever: a fault ends none of it, and is told."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from gateway_sync.runtime.duties import Duties
from tests.waiting import PATIENCE_S

SECRET = "redis://:hush@localhost"


def test_a_duty_that_fails_is_told_and_begun_anew_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[str] = []

    async def failing(address: str, is_done: asyncio.Event) -> None:
        begun.append(address)
        if len(begun) < 3:
            raise OverflowError
        is_done.set()

    async def live() -> None:
        duties, is_done, is_other_over = Duties(again_s=0.0), asyncio.Event(), asyncio.Event()

        async def other() -> None:
            await is_done.wait()
            is_other_over.set()

        duties.keep(other)
        duties.keep(partial(failing, SECRET, is_done))
        async with asyncio.timeout(PATIENCE_S):
            await is_other_over.wait()
        duties.cancel()

    asyncio.run(live())

    assert len(begun) == 3
    told = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert ["failing failed and is begun anew" in record.getMessage() for record in told] == [True, True]
    assert SECRET not in caplog.text


def test_what_is_done_once_and_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def roll() -> None:
        raise OverflowError

    async def live() -> None:
        duties = Duties()
        duties.do(roll())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(live())

    assert "roll" in caplog.text
    assert "OverflowError" in caplog.text
