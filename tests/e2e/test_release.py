"""Blue and green in the whole product: all calls move in one act, and back in another, without a new revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.journey import Journey, bring, contract
from tests.upstreams import Arrival, Reply, Upstream
from tests.waiting import wait_until


def build(name: str) -> Callable[[Arrival], Reply]:
    """What a build of the service answers."""
    return lambda _: Reply(f'"{name}"'.encode())


@pytest.fixture
def builds() -> Iterator[tuple[Upstream, Upstream]]:
    """Two builds of a service."""
    with ExitStack() as stack:
        yield stack.enter_context(Upstream(build("blue"))), stack.enter_context(Upstream(build("green")))


def test_all_calls_move_to_the_other_build_and_back(journey: Journey, builds: tuple[Upstream, Upstream]) -> None:
    blue, green = builds
    bring(journey, "release", "v1", contract("GET /items"), blue.url)
    targets = [{"url": blue.url, "arm": "blue"}, {"url": green.url, "arm": "green"}]
    canary = {"arms": ["blue=100", "green=0"], "header": "X-Arm"}
    health_check = {"path": "/health", "interval": "1s"}
    upstream = {"targets": targets, "canary": canary, "healthCheck": health_check}
    journey.post("versions/release:v1/revisions", upstream=upstream)
    journey.post("versions/release:v1/publish")
    key = journey.offer("release", "release:v1")
    journey.wait("/release/v1/items", key, 200)

    def answer() -> object:
        return journey.call("GET", "/release/v1/items", key).json()

    assert answer() == "blue"
    told = journey.run("arms", "release:v1", "blue=0", "green=100")
    assert (told.returncode, told.stdout) == (0, "release v1: blue 0, green 100 in default\n"), told.stderr
    wait_until(lambda: answer() == "green")
    back = journey.run("arms", "release:v1", "blue=100", "green=0")
    assert back.returncode == 0, back.stderr
    wait_until(lambda: answer() == "blue")
    assert journey.get("versions/release:v1")["deployments"][0]["revision_number"] == 2

    def arms() -> dict[str, int]:
        gateway = journey.get("gateways")["data"][0]
        return {target["arm"]: target["requests"] for target in gateway["targets"] if target["arm"]}

    wait_until(lambda: all(arms().get(arm) for arm in ("blue", "green")), "both arms were counted")
