"""Pool: which idle connections it keeps."""

from __future__ import annotations

import asyncio
import socket

from gateway_sync.runtime.core.networks import NetworkRules
from gateway_sync.runtime.upstream import UpstreamConnection
from gateway_sync.runtime.upstream_pool import IDLE_S, Pool
from gateway_sync.runtime.upstream_tls import Dialed

NOW = 1_000_000.0  # a machine that has been up for days
SWEEP_S = 0.25
RULES = NetworkRules(("127.0.0.0/8",), (), allow_public=False)


def test_connection_is_kept_while_it_was_used_lately_even_before_the_pool_was_first_swept() -> None:
    async def run(address: tuple[str, int]) -> None:
        pool = Pool(address, Dialed(), NOW)
        made: asyncio.Future[UpstreamConnection | None] = asyncio.get_running_loop().create_future()
        pool.dial(RULES, made.set_result)
        connection = await made
        assert connection is not None
        pool.put_back(connection)
        pool.close_idle(NOW + SWEEP_S)
        assert pool.take() is connection
        pool.put_back(connection)
        pool.close_idle(NOW + SWEEP_S + IDLE_S)
        assert pool.take() is None

    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(run(listener.getsockname()))


def test_a_connection_that_comes_back_to_a_pool_that_was_closed_is_closed() -> None:
    """Nobody sweeps the pools that a new snapshot dropped."""

    async def run(address: tuple[str, int]) -> None:
        pool = Pool(address, Dialed(), NOW)
        made: asyncio.Future[UpstreamConnection | None] = asyncio.get_running_loop().create_future()
        pool.dial(RULES, made.set_result)
        connection = await made
        assert connection is not None
        pool.close()
        assert connection.is_open
        pool.put_back(connection)
        assert not connection.is_open
        assert pool.idle == []
        assert pool.open_count == 0

    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(run(listener.getsockname()))
