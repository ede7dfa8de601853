"""One worker tries a state while the others serve the one in force (promise R4).

The last worker tries. What is sent to it never reaches the other, whatever is killed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.fault.calling import call
from tests.fault.following import POISON, following, kill_and_wait_for_the_next, workers_of
from tests.waiting import wait_until
from tests.wire.gateways import GatewayProcess, make_snapshot, make_version

pytestmark = pytest.mark.fault


def by_slot(gateway: GatewayProcess) -> list[int]:
    """The revisions that the workers have in force."""
    return [int(worker["revision"]) for worker in workers_of(gateway)]


def told(gateway: GatewayProcess) -> list[list[str]]:
    """The codes that the workers tell, by slot."""
    return [[str(problem["code"]) for problem in worker["problems"]] for worker in workers_of(gateway)]


def failures_of(gateway: GatewayProcess, slot: int) -> int:
    """How many calls the workers of a slot ever answered with 5xx."""
    return int(workers_of(gateway)[slot]["stats"]["status_5xx"])


@contextmanager
def callers(gateway: GatewayProcess) -> Iterator[list[int]]:
    """Calls over new connections all the while; the statuses that they were answered with."""
    is_over, statuses = Event(), list[int]()

    def go_on() -> None:
        while not is_over.is_set():
            statuses.extend(
                status for caller in call(gateway.port, callers=8, calls=5) for _, status in caller.completed
            )

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        thread.join()


def test_state_that_fails_calls_of_one_worker_is_ended_there_and_reaches_no_other(tmp_path: Path) -> None:
    with following(tmp_path) as (upstream, control, gateway):
        control.try_out(make_snapshot([make_version(upstream.port, timeout_ms=50_000)]))
        wait_until(lambda: by_slot(gateway) == [1, 2], "tried")
        kill_and_wait_for_the_next(gateway, 1)
        kill_and_wait_for_the_next(gateway, 0)
        assert by_slot(gateway) == [1, 2], "killing mixes nothing up"
        control.take_over()
        wait_until(lambda: by_slot(gateway) == [2, 2], "in force")

        with callers(gateway) as statuses:
            wait_until(lambda: len(statuses) > 100, "called")
            assert set(statuses) == {200}
            control.try_out(make_snapshot([make_version(1)]))  # where nobody listens
            wait_until(lambda: told(gateway) == [[], ["trial.E003"]], "ended")
        assert by_slot(gateway) == [2, 2]
        assert {502, 200} >= set(statuses)
        assert failures_of(gateway, 0) == 0
        assert "of bank v1 the worker on trial" in str(gateway.status()["workers"])
        control.try_out(None)
        wait_until(lambda: told(gateway) == [[], []])


def test_state_that_ends_the_worker_that_tries_it_is_put_in_quarantine_and_no_other_worker_sees_it(
    tmp_path: Path,
) -> None:
    with following(tmp_path) as (upstream, control, gateway):
        control.try_out(make_snapshot([make_version(upstream.port)], environment=POISON))
        wait_until(lambda: told(gateway) == [[], ["trial.E002"]], "in quarantine")
        assert by_slot(gateway) == [1, 1]
