"""A gateway that is cut off serves on, as long as its environment lets it, and refuses what was revoked (C2, H28)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway_sync.snapshot import Policy
from tests.fault.calling import call
from tests.fault.machines import HERE, separate_machines
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

pytestmark = pytest.mark.fault

GATEWAY = "gateway"
AWAY_S = 6.0  # longer than it takes to find out that nobody answers
STRICT_S = 2


def test_key_revoked_while_a_gateway_is_cut_off_is_refused_after_its_return(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home = Home(tmp_path)
    with separate_machines({GATEWAY: GATEWAY}) as machines, KeepingControlPlane(home, machines.here) as control:
        upstream = machines.at(GATEWAY, RawUpstream)
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        gateway = machines.at(GATEWAY, lambda: GatewayProcess(home, workers=2))

        def statuses() -> set[int]:
            callers = machines.at(GATEWAY, lambda: call(gateway.port, callers=4, calls=3))
            return {status for caller in callers for _, status in caller.completed}

        try:
            machines.at(GATEWAY, gateway.wait_ready)
            assert statuses() == {200}
            machines.cut(GATEWAY, HERE)
            time.sleep(1)
            control.change([("credential", home.hash_of(KEY), None)])
            time.sleep(AWAY_S)
            assert statuses() == {200}
            machines.heal()
            took_s = wait_until(lambda: statuses() == {401}, "refused everywhere")
            record_property("refused_after_s", round(took_s, 2))
        finally:
            gateway.stop()


def test_a_strict_environment_refuses_keys_while_a_gateway_is_cut_off_for_too_long_and_what_is_open_goes_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home = Home(tmp_path)
    with separate_machines({GATEWAY: GATEWAY}) as machines, KeepingControlPlane(home, machines.here) as control:
        upstream = machines.at(GATEWAY, RawUpstream)
        is_open = Policy("key-auth", {"anonymous": True, "basic": False, "operations": ["GET /users*"]})
        version = make_version(upstream.port, policies=(is_open,))
        control.publish(make_snapshot([version], environment=make_environment(max_revocation_age_s=STRICT_S)))
        other = KEY[:-1] + "7"
        control.change([*home.records(), ("credential", home.hash_of(other), home.records()[0][2])])
        gateway = machines.at(GATEWAY, lambda: GatewayProcess(home, workers=2))

        def statuses(key: str, path: bytes = b"accounts") -> set[int]:
            head = b"GET /bank/v1/%s HTTP/1.1\r\nHost: a\r\nX-API-Key: %s\r\n\r\n" % (path, key.encode())

            def ask() -> int:
                with RawClient(gateway.port) as client:
                    return client.send(head).read_answer()[0]

            return {machines.at(GATEWAY, ask) for _ in range(6)}

        try:
            machines.at(GATEWAY, gateway.wait_ready)
            wait_until(lambda: statuses(KEY) == statuses(other) == {200}, "served")
            machines.cut(GATEWAY, HERE)
            control.change([("credential", home.hash_of(KEY), None)])
            wait_until(lambda: statuses(KEY) == statuses(other) == {503}, "refused")
            assert statuses(KEY, b"users/me") == {200}
            machines.heal()
            took_s = wait_until(lambda: statuses(other) == {200}, "taken again")
            record_property("taken_again_after_s", round(took_s, 2))
            assert statuses(KEY) == {401}
        finally:
            gateway.stop()
