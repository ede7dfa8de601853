"""A worker that lives and does nothing is found, told and replaced; the other serves on, and no count is lost.

Promises R6, H20.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.fault.calling import call, samples_of
from tests.fault.following import following, workers_of
from tests.waiting import wait_until
from tests.wire.gateways import GatewayProcess


def test_a_stopped_worker_is_told_and_replaced_while_calls_go_on_and_counts_stay_exact(tmp_path: Path) -> None:
    with following(tmp_path, "--hang-seconds", "6") as (_, control, gateway):
        pid = gateway.pids()[0]

        def stop() -> None:
            os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: gateway.admin("/healthz/ready")[0] == 503, "it is not ready any more")
            wait_until(lambda: pid not in gateway.pids(), "another worker is in its place")
            gateway.wait_ready()

        callers = call(gateway.port, callers=16, calls=100, meanwhile=stop)

        assert "worker.E001" in told_of(gateway, 0)
        assert "1" in samples_of(gateway, 'apim_worker_hangs_total{slot="0"}')
        completed = [item for caller in callers for item in caller.completed]
        broken = sum(caller.broken for caller in callers)
        wait_until(
            lambda: {event.request_id for event in list(control.events.values())} >= {item[0] for item in completed}
        )
    counted = [event for event in control.events.values() if not event.is_indeterminate]
    in_flight = [event for event in control.events.values() if event.is_indeterminate]
    assert len({event.request_id for event in control.events.values()}) == len(control.events)
    assert {(event.request_id, event.status) for event in counted} >= set(completed)
    assert len(counted) - len(completed) + len(in_flight) <= broken


def told_of(gateway: GatewayProcess, slot: int) -> set[str]:
    """The codes of what is wrong with a worker, as reports tell them too."""
    return {problem["code"] for problem in workers_of(gateway)[slot]["problems"]}
