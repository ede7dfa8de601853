"""Who can write to the push channel opens nothing and shuts nothing, and is told of (R7; hostile input H25)."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from tests.fault.calling import statuses
from tests.fault.following import workers_of
from tests.valkey import running_valkey
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import GatewayProcess, Home, Record, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault


def access_of(gateway: GatewayProcess) -> set[int]:
    """How far the workers are in the log of access records."""
    return {int(worker["access_seq"]) for worker in workers_of(gateway)}


def test_forged_pushes_change_nothing_and_are_told_and_genuine_ones_act(tmp_path: Path) -> None:
    with running_valkey() as url, RawUpstream() as upstream:
        home = Home(tmp_path, redis_url=url)
        with KeepingControlPlane(home) as control, Redis.from_url(url) as redis:
            control.publish(make_snapshot([make_version(upstream.port)]))
            control.change(home.records())
            gateway = GatewayProcess(home, workers=2).wait_ready()
            try:
                channel = "apim:default:push"
                wait_until(lambda: redis.pubsub_numsub(channel)[0][1] == 1, "it listens")
                seq = len(control.log)
                revoked: list[Record] = [("organization", "org_1", None)]
                forged = {"after": seq, "upto": seq + 1, "records": revoked}
                stranger = Home(tmp_path / "stranger").page(seq, seq + 1, revoked)
                for page in (forged, forged | {"signature": "AAAA"}, stranger):
                    message = msgspec.json.encode({"environment": "default", "access": page})
                    assert redis.publish(channel, message) == 1
                wait_until(lambda: "access.E002" in json.dumps(gateway.status()["problems"]), "told")
                assert statuses(gateway) == {200}
                assert access_of(gateway) == {seq}
                genuine = home.page(seq, seq + 1, revoked)
                redis.publish(channel, msgspec.json.encode({"environment": "default", "access": genuine}))
                wait_until(lambda: access_of(gateway) == {seq + 1}, "taken")
                assert 200 not in statuses(gateway)
            finally:
                gateway.stop()
