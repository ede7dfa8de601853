"""Two gateways, two web, two Celery workers, PostgreSQL and Redis: what one of them does not do, the others do.

Promises R3, R6, R7, B3, C2; hostile inputs H21, H23, H27. The processes are those of docker-compose.yml, behind
its balancer.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.kills_tally import Tally
from benchmarks.topology import GATEWAYS, Topology, topology
from tests.fault.whole import Note, issue_and_revoke, load, plan, status_of, statuses
from tests.memory_groups import memory_group
from tests.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]

LITTLE = 1 << 20  # what they had before is not counted, so any of them may take so much more


@pytest.fixture
def note(record_property: Note) -> Note:
    """`note(name, value)` is told at the end of the run and asserted nowhere."""
    return record_property


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with topology(tmp_path_factory.mktemp("topology") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def tally() -> Tally:
    """All calls of this file: they share the database."""
    return Tally()


@pytest.fixture(autouse=True)
def whole(place: Topology) -> Iterator[None]:
    """Each test begins with all processes, whatever the one before killed."""
    place.wait_until(place.is_ready, "all serve")
    yield
    place.wait_until(place.is_ready, "all serve again")


def kill(place: Topology, name: str) -> None:
    """kill -9 all processes of a member."""
    for pid in place.members[name].pids:
        os.kill(pid, signal.SIGKILL)


def test_both_gateways_take_a_change_and_refuse_a_revoked_key(place: Topology, tally: Tally, note: Note) -> None:
    with load(place, tally):
        issue_and_revoke(place, note, "whole")
        place.rest("POST", "documents/apply", {"documents": plan(900_000), "files": {}})
        note("change_after_s", round(place.wait_until(place.has_converged, "the change is everywhere"), 2))
    assert {len(place.status(name)["workers"]) for name in GATEWAYS} == {2}


def test_with_one_web_and_one_celery_killed_all_goes_on(place: Topology, tally: Tally, note: Note) -> None:
    with load(place, tally):
        for name in ("web1", "celery1"):
            kill(place, name)
        issue_and_revoke(place, note, "without_one")
        kill(place, "web2")
        issue_and_revoke(place, note, "without_the_other")


def test_web_and_celery_that_are_killed_for_their_memory_cost_no_record(
    place: Topology, tally: Tally, note: Note
) -> None:
    with memory_group() as group:
        with load(place, tally):
            for name in ("web1", "celery1"):
                group.add(place.members[name].pids)
            group.limit(LITTLE)
            issue_and_revoke(place, note, "without_memory")
            place.wait_until(lambda: group.kills() > 1, "some were killed for their memory")
            group.limit(-1)
        note("kills_for_memory", group.kills())
        for pid in group.pids():  # what is started again is in no group
            os.kill(pid, signal.SIGKILL)


def test_with_one_gateway_ended_the_balancer_sends_to_the_other(place: Topology, note: Note) -> None:
    url = f"http://127.0.0.1:{place.ports['balancer-gateways']}/bank/v1/accounts"
    for name in GATEWAYS:
        place.wait_until(place.is_ready, "both serve")
        process = place.members[name].process
        assert process is not None
        process.ask_to_end()
        answered = [_status_or_none(url, place.key) for _ in range(50)]
        note(f"cut_of_50_as_{name}_ended", answered.count(None))  # in the queue of its socket in its last moment
        assert set(answered) <= {200, None}
        wait_until(lambda process=process: process.exit_code() is not None, f"{name} has ended")
        assert {status_of(url, place.key) for _ in range(20)} == {200}
        place.wait_until(lambda name=name: place.members[name].restarts > 0, f"{name} is started again")


def _status_or_none(url: str, key: str) -> int | None:
    try:
        return status_of(url, key)
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("way", ["killed", "hung", "flushed", "empty"])
def test_without_redis_changes_are_pulled_and_nothing_is_lost(
    place: Topology, tally: Tally, note: Note, way: str
) -> None:
    with load(place, tally):
        if way == "killed":
            place.redis.send(signal.SIGKILL)
        elif way == "hung":
            place.redis.send(signal.SIGSTOP)
        elif way == "flushed":
            assert place.redis.say("FLUSHALL") == "OK"
        else:
            place.redis.send(signal.SIGKILL)
            place.redis.empty()
            place.redis.start()
        issue_and_revoke(place, note, way)
        if way == "killed":
            place.redis.start()
        elif way == "hung":
            place.redis.send(signal.SIGCONT)
    place.rest("POST", "documents/apply", {"documents": plan(800_000 + len(way)), "files": {}})
    note(f"{way}_published_again_after_s", round(place.wait_until(place.has_converged, "published again"), 2))


def test_crashed_postgresql_costs_no_record_and_doubles_none(place: Topology, tally: Tally, note: Note) -> None:
    with load(place, tally):
        for _ in range(3):
            place.postgresql.stop("immediate")
            time.sleep(2)  # usage is shipped each second: some of it meets no database
            assert all(statuses(place, name, place.key) == {200} for name in GATEWAYS)
            place.postgresql.start()
            took_s = place.wait_until(place.is_ready, "web is back")
            time.sleep(1)  # and some meets the one that comes back
    note("web_back_after_s", round(took_s, 2))
    issue_and_revoke(place, note, "after_postgresql")
