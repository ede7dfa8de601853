"""Five thousand callers at one moment, on connections of their own, at eight workers. Promises B4, R5."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from gateway_sync.snapshot import Quota
from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

LIMIT, CALLERS, WORKERS, CONNECTING = 1000, 5000, 8, 200
REQUEST = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: h\r\nX-API-Key: {KEY}\r\nConnection: close\r\n\r\n".encode()


def test_of_five_thousand_calls_at_once_a_quota_of_a_thousand_admits_a_thousand(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)], quotas=(Quota(LIMIT, "month"),)))
        gateway = GatewayProcess(home, workers=WORKERS).wait_ready()
        try:
            statuses = asyncio.run(_all_at_once(gateway.port))
        finally:
            gateway.stop()
    assert statuses == {200: LIMIT, 429: CALLERS - LIMIT}


async def _all_at_once(port: int) -> Counter[int]:
    """The statuses of callers who all are connected before the first of them asks."""
    doors, everybody = asyncio.Semaphore(CONNECTING), asyncio.Barrier(CALLERS)

    async def ask() -> int:
        async with doors:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await everybody.wait()
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1]) if answer else 0

    async with asyncio.timeout(PATIENCE_S):
        return Counter(await asyncio.gather(*(ask() for _ in range(CALLERS))))
