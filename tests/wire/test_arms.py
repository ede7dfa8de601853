"""Arms: shares of a canary, callers that keep theirs, those that ask for one, and the way back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.wire.pools import ask, gateway, get, named

ARMS: list[dict[str, object]] = [{"arm": "stable"}, {"arm": "canary"}]


def test_calls_are_shared_by_weight(tmp_path: Path) -> None:
    settings: dict[str, object] = {"canary": {"arms": ["stable=80", "canary=20"], "by": "call"}}
    with gateway(tmp_path, [named("s"), named("c")], settings, ARMS) as process:
        found = Counter(body for _, body in ask(process.port, 500))
    assert 50 < found[b"c"] < 170


def test_a_caller_keeps_its_arm(tmp_path: Path) -> None:
    settings: dict[str, object] = {"canary": {"arms": ["stable=50", "canary=50"]}}
    with gateway(tmp_path, [named("s"), named("c")], settings, ARMS) as process:
        assert len({body for _, body in ask(process.port, 20)}) == 1


def test_header_and_cookie_name_an_arm_even_one_without_weight(tmp_path: Path) -> None:
    settings: dict[str, object] = {"canary": {"arms": ["stable=100", "canary=0"], "header": "X-Arm", "cookie": "arm"}}
    with gateway(tmp_path, [named("s"), named("c")], settings, ARMS) as process:
        requests = [get("X-Arm: canary"), get("Cookie: a=b; arm=canary"), get("X-Arm: nobody"), get()]
        assert [body for _, body in ask(process.port, 4, *requests)] == [b"c", b"c", b"s", b"s"]


def test_a_broken_arm_does_not_touch_the_other(tmp_path: Path) -> None:
    canary = named("c")
    canary.script = lambda _peer, _request: False
    settings: dict[str, object] = {
        "canary": {"arms": ["stable=100", "canary=0"], "header": "X-Arm"},
        "breaker": {"minimumCalls": 2, "openFor": "1h"},
    }
    with gateway(tmp_path, [named("s"), canary], settings, ARMS) as process:
        assert [status for status, _ in ask(process.port, 6, get("X-Arm: canary"))] == [502, 502, 503, 503, 503, 503]
        assert ask(process.port, 10) == [(200, b"s")] * 10
