"""Discovery: connections follow the addresses that a name stands for."""

from __future__ import annotations

import asyncio

import pytest

from gateway_sync.runtime.core.networks import NetworkRules
from gateway_sync.runtime.discovery import Discovery, is_name
from gateway_sync.runtime.upstream import UpstreamConnection
from gateway_sync.runtime.upstream_pool import Pool
from gateway_sync.runtime.upstream_tls import Dialed

RULES = NetworkRules(("127.0.0.0/8",), (), allow_public=False)


class Names:
    """A resolver whose answers the test sets."""

    def __init__(self) -> None:
        """One address."""
        self.answer: list[str] | OSError = ["127.0.0.1"]
        self.asked = 0

    async def resolve(self, _host: str, _port: int) -> list[str]:
        """The answer of now. Errors: OSError."""
        self.asked += 1
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


class Service:
    """A service at several addresses with one port, that counts the connections to each."""

    def __init__(self) -> None:
        """Nobody has called."""
        self.callers: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []

    async def start(self, *hosts: str) -> int:
        """The port."""
        port = 0
        for host in hosts:
            server = await asyncio.start_server(self._serve, host, port)
            port = server.sockets[0].getsockname()[1]
            self._servers.append(server)
        return port

    def stop(self) -> None:
        """Nobody can call any more."""
        for server in self._servers:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        self.callers[host] = self.callers.get(host, 0) + 1
        await reader.read()
        writer.close()


async def connect(pool: Pool) -> UpstreamConnection:
    """A fresh connection of the pool."""
    made: asyncio.Future[UpstreamConnection | None] = asyncio.get_running_loop().create_future()
    pool.dial(RULES, made.set_result)
    connection = await made
    assert connection is not None
    return connection


def peer_of(connection: UpstreamConnection) -> str:
    """The address that it goes to."""
    return str(connection.transport.get_extra_info("peername")[0])


@pytest.fixture
def names() -> Names:
    """A resolver."""
    return Names()


def test_new_connections_go_to_all_addresses_and_old_ones_drain(names: Names) -> None:
    async def run() -> None:
        service = Service()
        port = await service.start("127.0.0.1", "127.0.0.2", "127.0.0.3")
        pool = Pool(("svc.internal", port), Dialed(), 0.0)
        discovery = Discovery(names.resolve)
        names.answer = ["127.0.0.1", "127.0.0.2"]
        await discovery.refresh(pool)
        connections = [await connect(pool) for _ in range(4)]
        assert sorted(peer_of(connection) for connection in connections) == ["127.0.0.1"] * 2 + ["127.0.0.2"] * 2
        idle, busy = connections[:3], connections[3]
        for connection in idle:
            pool.put_back(connection)
        gone = peer_of(busy)
        names.answer = [address for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3") if address != gone]
        await discovery.refresh(pool)
        assert [connection.is_open for connection in idle] == [peer_of_open(each, gone) for each in idle]
        assert busy.is_open  # its call may end
        pool.put_back(busy)
        assert not busy.is_open
        for connection in idle:
            connection.transport.abort()
        service.stop()
        await asyncio.sleep(0.1)

    def peer_of_open(connection: UpstreamConnection, gone: str) -> bool:
        return connection.is_open and peer_of(connection) != gone

    asyncio.run(run())


def test_what_cannot_be_looked_up_stays_as_it_was(names: Names) -> None:
    async def run() -> None:
        pool = Pool(("svc.internal", 80), Dialed(), 0.0)
        discovery = Discovery(names.resolve)
        await discovery.refresh(pool)
        names.answer = OSError("no such name")
        await discovery.refresh(pool)
        names.answer = []
        await discovery.refresh(pool)
        assert pool.addresses is not None
        assert pool.addresses.now == ["127.0.0.1"]

    asyncio.run(run())


def test_only_names_are_looked_up() -> None:
    assert [is_name(host) for host in ("svc.internal", "10.0.0.1", "::1")] == [True, False, False]
