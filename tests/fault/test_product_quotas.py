"""A hard quota of the whole product: two gateways, epochs by the real control plane, whatever becomes of Redis.

Promises R5, B3; hostile input H21. The processes are those of docker-compose.yml, behind its balancer.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from benchmarks.topology import Topology, topology
from tests.fault.spending import Spent

pytestmark = [pytest.mark.fault, pytest.mark.slow]

LIMIT = 1200
PLAN = f"""
apiVersion: apim.dev/v1
kind: Plan
metadata: {{ name: starter }}
spec:
  displayName: Starter
  approval: auto
  limits:
    - {{ rate: 1000000/s, burst: 1000000 }}
    - {{ quota: {LIMIT}, per: month }}
"""


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with topology(tmp_path_factory.mktemp("topology") / "home") as started:
        started.rest("POST", "documents/apply", {"documents": PLAN, "files": {}})
        started.wait_until(started.has_converged, "the quota is in force")
        yield started


def test_a_hard_quota_is_exact_though_redis_is_flushed_killed_emptied_and_hung(place: Topology) -> None:
    spent = Spent(place)
    place.wait_until(lambda: spent.call(60)[200] > 0, "calls pass")
    spent.call(120)

    assert place.redis.say("FLUSHALL") == "OK"
    spent.call(120)
    place.wait_until(lambda: spent.call(60)[200] == 60, "all calls pass after a flush")

    place.redis.send(signal.SIGSTOP)
    hung = spent.call(120)
    place.redis.send(signal.SIGCONT)
    assert hung.total() == 120
    place.wait_until(lambda: spent.call(60)[200] == 60, "all calls pass after a stop")

    place.redis.send(signal.SIGKILL)
    place.redis.empty()
    spent.call(120)
    place.redis.start()
    place.wait_until(lambda: spent.call(60)[200] == 60, "all calls pass after an empty start")

    assert spent.statuses[200] < LIMIT
    spent.call_until_refused()
    place.wait_until(lambda: spent.call(60)[200] == 0 and spent.statuses[200] == LIMIT, "the quota is used up")
    assert set(spent.statuses) <= {200, 429}
    assert spent.statuses[200] == LIMIT
