"""Pools across changes of the snapshot: weights take hold between two calls, and what is known of targets stays."""

from __future__ import annotations

from pathlib import Path

from gateway_sync.snapshot import Snapshot, Target
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version
from tests.wire.pools import FAILED, ask, named
from tests.wire.raw import OK, RawUpstream, answer_with


def snapshot_of(upstreams: dict[str, RawUpstream], settings: dict[str, object], **changes: object) -> Snapshot:
    """A version with a target in each arm."""
    arms = "canary" in settings
    targets = tuple(
        Target("http", "127.0.0.1", upstream.port, "", 100, arm=arm if arms else "")
        for arm, upstream in upstreams.items()
    )
    return make_snapshot([make_version(0, targets=targets, upstream=settings, **changes)])


def test_weights_change_between_two_calls(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with named("b") as blue, named("g") as green, KeepingControlPlane(home) as plane:
        builds = {"blue": blue, "green": green}
        plane.change(home.records())
        plane.publish(snapshot_of(builds, {"canary": {"arms": ["blue=100", "green=0"]}}))
        process = GatewayProcess(home, workers=2).wait_ready()
        try:
            assert ask(process.port, 10) == [(200, b"b")] * 10
            plane.publish(snapshot_of(builds, {"canary": {"arms": ["blue=0", "green=100"]}}))
            answers: list[tuple[int, bytes]] = []

            def has_moved() -> bool:
                last = [answer for _ in range(6) for answer in ask(process.port, 2)]
                answers.extend(last)
                return {body for _, body in last} == {b"g"}

            wait_until(has_moved)
            assert {status for status, _ in answers} == {200}
        finally:
            process.stop()


def test_an_ejected_target_stays_out_when_something_else_changes(tmp_path: Path) -> None:
    home = Home(tmp_path)
    failing = RawUpstream(answer_with(FAILED))
    with failing, named("b") as well, KeepingControlPlane(home) as plane:
        upstreams = {"x": failing, "y": well}
        settings: dict[str, object] = {"ejection": {"failures": 1, "for": "1h"}}
        plane.change(home.records())
        plane.publish(snapshot_of(upstreams, settings))
        process = GatewayProcess(home).wait_ready()
        try:
            assert [status for status, _ in ask(process.port, 20)].count(503) == 1
            failing.script = answer_with(OK)
            plane.publish(snapshot_of(upstreams, settings, timeout_ms=77_000))
            wait_until(lambda: process.status()["workers"][0]["revision"] == 2)  # type: ignore[index]
            assert ask(process.port, 20) == [(200, b"b")] * 20
            assert len(failing.requests) == 1
        finally:
            process.stop()
