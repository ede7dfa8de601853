"""WebSockets through the gateway, with the `websockets` library on both sides.

Promises R7, H17.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gateway_sync.snapshot import Policy, Quota, Rate
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.websocket_peers import EchoService

MANY = 400
WITH_KEY = {"X-API-Key": KEY}


@pytest.fixture(scope="module")
def service() -> Iterator[EchoService]:
    """What the gateway proxies to."""
    with EchoService() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(service: EchoService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One worker; v1 as it is without a policy, v2 with two tunnels an application, v3 with none, v4 with CORS.

    v5 takes short messages only, v6 checks no frames and needs an Origin, v7 lets sockets be idle for a second only.
    """
    home = Home(tmp_path_factory.mktemp("gateway"))
    v1 = make_version(service.port)
    v2 = make_version(service.port, id="ver_2", name="v2", policies=(Policy("upgrade", {"perApplication": 2}),))
    v3 = make_version(service.port, id="ver_3", name="v3", policies=(Policy("upgrade", {"protocols": ["none"]}),))
    v4 = make_version(
        service.port, id="ver_4", name="v4", policies=(Policy("cors", {"origins": ["https://app.example.com"]}),)
    )
    v5 = make_version(service.port, id="ver_5", name="v5", policies=(Policy("upgrade", {"message": 1000}),))
    v6 = make_version(
        service.port, id="ver_6", name="v6", policies=(Policy("upgrade", {"frames": False, "origin": True}),)
    )
    v7 = make_version(service.port, id="ver_7", name="v7", policies=(Policy("upgrade", {"idle": 1}),))
    home.install(make_snapshot([v1, v2, v3, v4, v5, v6, v7]))
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def url(gateway: GatewayProcess, version: str = "v1") -> str:
    return f"ws://127.0.0.1:{gateway.port}/bank/{version}/accounts"


def test_messages_of_every_kind_and_size_come_back_as_they_were(gateway: GatewayProcess, service: EchoService) -> None:
    service.handshakes.clear()
    with connect(url(gateway), additional_headers=WITH_KEY, subprotocols=["chat"], max_size=2**26) as peer:  # type: ignore[list-item]
        for message in ("hello", "", "ü" * 70_000, b"\0\xff", os.urandom(5_000_000)):
            peer.send(message)
            assert peer.recv() == message
        peer.send(["frag", "ments"])
        assert peer.recv() == "fragments"
        assert peer.ping().wait(60)
        assert peer.subprotocol == "chat"
        assert peer.response is not None
        assert peer.response.headers["X-Request-Id"]
    (seen,) = service.handshakes
    assert (seen["upgrade"], seen["connection"]) == ("websocket", "Upgrade")
    assert "x-api-key" not in seen
    assert seen["x-forwarded-for"] == "127.0.0.1"


def test_who_breaks_the_rules_is_told_so_and_the_service_that_its_client_is_gone(
    gateway: GatewayProcess, service: EchoService
) -> None:
    service.closed.clear()
    with connect(url(gateway), additional_headers=WITH_KEY, compression=None) as peer:
        peer.send("good")
        assert peer.recv() == "good"
        peer.socket.sendall(b"\x81\x03bad")  # not masked
        with pytest.raises(ConnectionClosed):
            peer.recv()
        assert peer.close_code == 1002
    wait_until(lambda: 1001 in service.closed, "the service was told")  # sockets of other tests may end late


def test_a_message_that_is_too_long_ends_the_connection_and_none_is_compressed(
    gateway: GatewayProcess, service: EchoService
) -> None:
    service.handshakes.clear()
    with connect(url(gateway, "v5"), additional_headers=WITH_KEY) as peer:
        peer.send("x" * 1000)
        assert peer.recv() == "x" * 1000
        peer.send("x" * 2_000_000)
        with pytest.raises(ConnectionClosed):
            peer.recv()
        assert peer.close_code == 1009
    (seen,) = service.handshakes
    assert "sec-websocket-extensions" not in seen


def test_frames_may_go_unchecked_and_an_origin_be_needed(gateway: GatewayProcess, service: EchoService) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(url(gateway, "v6"), additional_headers=WITH_KEY)
    assert refused.value.response.status_code == 403
    with connect(url(gateway, "v6"), additional_headers=WITH_KEY, origin="https://a.example") as peer:  # type: ignore[arg-type]
        peer.socket.sendall(b"\x81\x03bad")
        with pytest.raises(ConnectionClosed):
            peer.recv()
        assert peer.close_code == 1002  # by the service's own judgement


def test_handshake_is_a_call_like_any_other(gateway: GatewayProcess) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(url(gateway)):
        pass
    assert refused.value.response.status_code == 401
    with pytest.raises(InvalidStatus) as closed, connect(f"{url(gateway)}/nothing/here", additional_headers=WITH_KEY):
        pass
    assert closed.value.response.status_code == 404


def test_limits_count_the_handshake(service: EchoService, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install(make_snapshot([make_version(service.port)], rate=Rate(1, 3600, 2)))
    gateway = GatewayProcess(home).wait_ready()
    try:
        for left in (b"r=1", b"r=0"):
            with connect(url(gateway), additional_headers=WITH_KEY) as peer:
                assert peer.response is not None
                assert left.decode() in peer.response.headers["RateLimit"]
        with pytest.raises(InvalidStatus) as refused, connect(url(gateway), additional_headers=WITH_KEY):
            pass
        assert refused.value.response.status_code == 429
    finally:
        gateway.stop()


def test_hundreds_of_sockets_at_a_time(gateway: GatewayProcess) -> None:
    async def talk(number: int, are_open: asyncio.Barrier) -> int:
        async with connect_async(url(gateway), additional_headers=WITH_KEY, ping_interval=None) as peer:
            await are_open.wait()
            for turn in range(5):
                text = f"{number}:{turn}"
                await peer.send(text)
                assert await peer.recv() == text
            return 1

    async def run() -> int:
        are_open = asyncio.Barrier(MANY)
        return sum(await asyncio.gather(*(talk(number, are_open) for number in range(MANY))))

    assert asyncio.run(run()) == MANY


def test_an_application_has_no_more_than_it_may(gateway: GatewayProcess) -> None:
    there = url(gateway, "v2")
    with connect(there, additional_headers=WITH_KEY), connect(there, additional_headers=WITH_KEY):
        with pytest.raises(InvalidStatus) as refused, connect(there, additional_headers=WITH_KEY):
            pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "5"

    def has_room() -> bool:
        try:
            with connect(there, additional_headers=WITH_KEY):
                return True
        except InvalidStatus:
            return False

    wait_until(has_room, "a place of those that ended")


def test_idle_socket_is_told_and_ended(gateway: GatewayProcess, service: EchoService) -> None:
    service.closed.clear()
    with connect(url(gateway, "v7"), additional_headers=WITH_KEY, ping_interval=None) as peer:
        # The socket has never been used: whether a word of ours came through in time would be up to the machine.
        with pytest.raises(ConnectionClosed) as ended:
            peer.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1001
    wait_until(lambda: 1001 in service.closed, "the close frame at the service")


def test_version_without_upgrades_gets_plain_requests(gateway: GatewayProcess, service: EchoService) -> None:
    service.handshakes.clear()
    with pytest.raises(InvalidStatus) as refused, connect(url(gateway, "v3"), additional_headers=WITH_KEY):
        pass
    assert refused.value.response.status_code == 426  # the service itself says so
    assert service.handshakes == []


def test_page_of_another_origin_may_not_connect_where_cors_says_who_may(gateway: GatewayProcess) -> None:
    with connect(url(gateway, "v4"), additional_headers=WITH_KEY, origin="https://app.example.com") as peer:  # type: ignore[arg-type]
        peer.send("a")
        assert peer.recv() == "a"
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(url(gateway, "v4"), additional_headers=WITH_KEY, origin="https://evil.example.com"),  # type: ignore[arg-type]
    ):
        pass
    assert refused.value.response.status_code == 403


def test_stop_says_going_away_and_every_socket_is_counted_once_with_its_bytes(
    service: EchoService, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    with KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(service.port)]))
        control.change(home.records())
        gateway = GatewayProcess(home).wait_ready()

        async def talk() -> list[int]:
            peers = await asyncio.gather(
                *(
                    connect_async(url(gateway), additional_headers=WITH_KEY, ping_interval=None, compression=None)
                    for _ in range(20)
                )
            )
            for peer in peers:
                await peer.send("12345")
                assert await peer.recv() == "12345"
            gateway.process.terminate()
            return await asyncio.gather(*(end_of(peer) for peer in peers))

        assert asyncio.run(talk()) == [1001] * 20
        gateway.process.wait(60)
        gateway.stop()
        events = list(control.events.values())
    assert [event.status for event in events] == [101] * 20
    assert len({event.request_id for event in events}) == 20
    assert not any(event.is_indeterminate for event in events)
    assert all(event.response_bytes == 7 and event.request_bytes >= 11 for event in events)
    assert all(event.duration_us >= event.upstream_us > 0 for event in events)


def test_socket_ends_soon_after_its_key_is_revoked_and_others_stay(service: EchoService, tmp_path: Path) -> None:
    home = Home(tmp_path)
    other = KEY[:-1] + "7"
    with KeepingControlPlane(home) as control:
        quotas = (Quota(1000, "day", unit="bytes"),)
        control.publish(make_snapshot([make_version(service.port)], quotas=quotas))
        kind, _, body = home.records()[0]
        control.change([*home.records(), (kind, home.hash_of(other), body)])
        gateway = GatewayProcess(home).wait_ready()
        try:
            with (
                connect(url(gateway), additional_headers=WITH_KEY) as revoked,
                connect(url(gateway), additional_headers={"X-API-Key": other}, compression=None) as kept,
            ):
                kept.send("x" * 1000)
                assert len(kept.recv()) == 1000
                control.change([(kind, home.hash_of(KEY), None)])
                with pytest.raises(ConnectionClosed) as ended:
                    revoked.recv()
                assert ended.value.rcvd is not None
                assert ended.value.rcvd.code == 1008
                kept.send("still here")
                assert kept.recv() == "still here"
                with pytest.raises(InvalidStatus) as refused:  # what the open one passed is debited
                    connect(url(gateway), additional_headers={"X-API-Key": other})
                assert refused.value.response.status_code == 429
        finally:
            gateway.stop()


async def end_of(peer: ClientConnection) -> int:
    try:
        await peer.recv()
    except ConnectionClosed as ended:
        return ended.rcvd.code if ended.rcvd else 0
    return -1
