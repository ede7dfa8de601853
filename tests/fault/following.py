"""A gateway of two workers that follows a control plane, with a key of the bank in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawUpstream


@contextmanager
def following(tmp_path: Path, *options: str) -> Iterator[tuple[RawUpstream, KeepingControlPlane, GatewayProcess]]:
    """The service behind it, whom it follows, and the gateway, ready and with revision 1."""
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        gateway = GatewayProcess(home, workers=2, options=options).wait_ready()
        try:
            yield upstream, control, gateway
        finally:
            gateway.stop()


def workers_of(gateway: GatewayProcess) -> list[dict[str, Any]]:
    """What its workers tell, by slot."""
    workers = gateway.status()["workers"]
    assert isinstance(workers, list)
    return workers


def revisions(gateway: GatewayProcess) -> set[int]:
    """What the workers have in force."""
    return {int(worker["revision"]) for worker in workers_of(gateway)}


# Well signed and well formed, and no worker can use it: that is found out only where it is put to use.
POISON = make_environment(allowed_networks=("no network",))


def kill_and_wait_for_the_next(gateway: GatewayProcess, number: int) -> None:
    """Another worker serves in the slot."""
    killed = gateway.kill_worker(number)
    wait_until(lambda: killed not in gateway.pids(), "another worker")
    gateway.wait_ready()
