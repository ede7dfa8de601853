"""A gateway that nobody told of revoked keys for too long refuses credentials, and nothing else (H28)."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gateway_sync.snapshot import Policy, Snapshot
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream
from tests.wire.websocket_peers import EchoService

CODE = "credential-unconfirmed"
KEYED, OPEN = "/bank/v1/accounts", "/bank/v1/users/me"
SOON_S, LATER_S, HOUR_S = 1, 600, 3600.0  # SOON: passes in a test; LATER: only where a test moves the proof


def state_of(upstream: RawUpstream | EchoService, most_s: int) -> Snapshot:
    """One operation with keys and one without; records may be so old."""
    is_open = Policy(
        "key-auth", {"anonymous": True, "basic": False, "bearer": False, "header": "", "operations": ["GET /users*"]}
    )
    version = make_version(upstream.port, policies=(is_open,))
    return make_snapshot([version], environment=make_environment(max_revocation_age_s=most_s))


def ask(gateway: GatewayProcess, path: str = KEYED, key: str = KEY) -> tuple[int, bytes, bytes]:
    """Status, head and body."""
    field = f"X-API-Key: {key}\r\n" if key else ""
    with RawClient(gateway.port) as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n".encode())
        return client.read_answer()


def statuses(gateway: GatewayProcess) -> list[int]:
    """With a key, without one at the open operation, with one there, without one where it is needed."""
    return [ask(gateway, path, key)[0] for path, key in ((KEYED, KEY), (OPEN, ""), (OPEN, KEY), (KEYED, ""))]


def codes(gateway: GatewayProcess) -> set[str]:
    """What the gateway says is wrong."""
    problems = gateway.status()["problems"]
    assert isinstance(problems, list)
    return {problem["code"] for problem in problems}


def is_refusing(gateway: GatewayProcess) -> bool:
    """Whether both workers refuse keys and nothing else, in the words of the problem document, and it is told."""
    status, head, body = ask(gateway)
    if status != 503:
        return False
    problem = json.loads(body)
    is_said = (problem["code"], problem["type"]) == (CODE, f"https://apim.dev/problems/{CODE}")
    is_said &= b"\r\nRetry-After: 5\r\n" in head and "access.E004" in codes(gateway)
    return is_said and all(statuses(gateway) == [503, 200, 200, 401] for _ in range(4))


def grow_old(home: Home, seconds: float) -> None:
    """Have the proof that a gateway kept be older, as after so long without anybody."""
    path = home.state / "vouched.json"
    kept = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(kept | {"running_s": kept["running_s"] - seconds}))


def test_credentials_are_refused_while_the_control_plane_is_gone_for_too_long_and_taken_with_its_next_answer(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(state_of(upstream, SOON_S))
        control.change(home.records())
        gateway = GatewayProcess(home, workers=2)
        try:
            gateway.wait_ready()
            wait_until(lambda: statuses(gateway) == [200, 200, 200, 401], "served")
            control.is_down = True
            # An answer that was on its way may open it once more: all is looked at together, until all of it holds.
            wait_until(lambda: is_refusing(gateway), "refused by all, and told")
            control.change([("credential", home.hash_of(KEY), None)])
            control.is_down = False
            wait_until(lambda: all(statuses(gateway)[:2] == [401, 200] for _ in range(4)), "what was revoked is gone")
            wait_until(lambda: "access.E004" not in codes(gateway), "no longer told")
        finally:
            gateway.stop()


def test_a_restart_makes_nothing_younger_and_without_a_bound_keys_are_taken_for_ever(tmp_path: Path) -> None:
    for most_s, expected in ((LATER_S, 503), (0, 200)):
        home = Home(tmp_path / str(most_s))
        with RawUpstream() as upstream:
            home.install(state_of(upstream, most_s))
            for first in (200, expected, expected):
                gateway = GatewayProcess(home)
                try:
                    gateway.wait_ready()
                    assert [ask(gateway)[0], ask(gateway, OPEN, "")[0]] == [first, 200]
                finally:
                    gateway.stop()
                grow_old(home, HOUR_S)


def test_a_bound_that_is_lifted_has_keys_taken_again_and_status_and_metrics_tell_ages(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        home.install(state_of(upstream, SOON_S))
        control.change(home.records())
        control.rubbish = b"{}"  # an answer that cannot be read is none
        gateway = GatewayProcess(home)
        try:
            gateway.wait_ready()
            wait_until(lambda: ask(gateway)[0] == 503, "refused")
            wait_until(lambda: "\napim_access_age_seconds 0" not in gateway.admin("/metrics")[1].decode(), "it ages")
            assert "\napim_config_age_seconds " in gateway.admin("/metrics")[1].decode()
            assert gateway.status()["max_revocation_age_s"] == SOON_S
            control.publish(state_of(upstream, 0))
            control.rubbish = None
            wait_until(lambda: gateway.status()["max_revocation_age_s"] == 0, "lifted")
            control.is_down = True
            wait_until(lambda: ask(gateway)[0] == 200, "taken")
            age_s = gateway.status()["access_age_s"]
            assert isinstance(age_s, float)
        finally:
            gateway.stop()


def test_sockets_that_were_opened_with_a_key_end_when_keys_are_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with EchoService() as service, KeepingControlPlane(home) as control:
        control.publish(state_of(service, SOON_S))
        control.change(home.records())
        gateway = GatewayProcess(home)
        try:
            address = f"ws://127.0.0.1:{gateway.wait_ready().port}{KEYED}"
            with connect(address, additional_headers={"X-API-Key": KEY}) as client:
                client.send("hello")
                assert client.recv() == "hello"
                control.is_down = True
                with pytest.raises(ConnectionClosed) as ended:
                    client.recv()
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1008
        finally:
            gateway.stop()
