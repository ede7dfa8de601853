"""A state that makes workers hang, or take memory until they are killed, is put aside; reasons outside accuse none.

Promises R4 and H26: what is beyond what the gate can find before publication. The state holds a policy kind of another
package, whose code is its own.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from gateway_sync.runtime.deaths import GREW, HUNG
from gateway_sync.snapshot import Policy, Snapshot
from tests.fault.calling import codes, statuses
from tests.fault.following import kill_and_wait_for_the_next, revisions
from tests.memory_groups import MemoryGroup, memory_group
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.other_kinds import install
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

ROOT = Path(__file__).parents[2]
HANG_S = "3"
ROOM = 256 << 20  # bytes that all may take beyond what they took
GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
HARMFUL = """
import time
from dataclasses import dataclass
from gateway_sync.policies.descriptions import Description

DESCRIPTION = Description("harmful", "Harmful", "Harms who uses it.", (), "harmful: {}")

def spin():
    while True:
        pass

def wait():
    time.sleep(10_000)

def eat():
    eaten = []
    while True:
        eaten.append(b"x" * (1 << 20))

@dataclass(frozen=True)
class POLICY:
    how: str = ""

    def on_request(self, request):
        if self.how:
            globals()[self.how]()

def parse(settings, where):
    how, when = settings.get("how", ""), settings.get("when", "")
    if when == "load":
        globals()[how]()
    return POLICY(how), ()

def dump(policy):
    return {"how": policy.how}
"""


def state(upstream: RawUpstream, timeout_ms: int, **settings: str) -> Snapshot:
    """One that harms as told, or does not."""
    policies = (Policy("harmful", dict(settings)),)
    return make_snapshot([make_version(upstream.port, policies=policies, timeout_ms=timeout_ms)])


@contextmanager
def steady(
    folder: Path, command: list[str] | None = None
) -> Iterator[tuple[RawUpstream, KeepingControlPlane, GatewayProcess]]:
    """A gateway on which the first state has run well, with a service and a control plane."""
    install(folder / "site", "harmful", HARMFUL)
    home = Home(folder / "home")
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(state(upstream, 40_000))
        control.change(home.records())
        gateway = GatewayProcess(
            home,
            workers=2,
            command=command or (),
            options=("--hang-seconds", HANG_S),
            variables={"PYTHONPATH": f"{ROOT}:{folder / 'site'}"},
        ).wait_ready()
        try:
            wait_until((home.state / "steady.json").exists, "the first state ran well")
            yield upstream, control, gateway
        finally:
            gateway.stop()


@contextmanager
def callers_of(gateway: GatewayProcess) -> Iterator[None]:
    """Calls all the while, by callers who do not wait for their answers."""
    is_over = threading.Event()

    def call() -> None:
        with ExitStack() as held:
            while not is_over.wait(0.1):
                with suppress(OSError):
                    peer = held.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=1.0))
                    peer.sendall(GET)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def is_put_aside(control: KeepingControlPlane, reason: str) -> bool:
    """True when the last report tells of it, and why."""
    told = str(control.reports[-1:])
    return "generation.E002" in told and reason in told


def goes_on(upstream: RawUpstream, control: KeepingControlPlane, gateway: GatewayProcess) -> None:
    """The state before serves, and one that is mended is taken."""
    wait_until(lambda: revisions(gateway) == {1}, "the state before serves")
    gateway.wait_ready()
    assert statuses(gateway) == {200}
    control.publish(state(upstream, 50_000))
    wait_until(lambda: revisions(gateway) == {3}, "the mended state serves")
    wait_until(lambda: not codes(gateway) - {"worker.E001"}, "nothing is told but that workers hung")


@pytest.mark.parametrize("how", ["spin", "wait"])
@pytest.mark.parametrize("when", ["load", "call"])
def test_a_state_that_makes_two_workers_hang_gives_way_to_the_one_before(
    tmp_path: Path, how: str, when: str, record_property: Callable[[str, object], None]
) -> None:
    with steady(tmp_path) as (upstream, control, gateway):
        control.publish(state(upstream, 40_000, how=how, when=when))
        if when == "call":
            wait_until(lambda: revisions(gateway) == {2})
        with callers_of(gateway):
            took_s = wait_until(lambda: is_put_aside(control, HUNG), "put aside and reported")
        record_property("put_aside_after_s", round(took_s, 1))
        goes_on(upstream, control, gateway)


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    with memory_group() as made:
        yield made


def test_a_state_that_makes_two_workers_eat_all_memory_gives_way_to_the_one_before(
    tmp_path: Path, group: MemoryGroup
) -> None:
    with steady(tmp_path, group.command()) as (upstream, control, gateway):
        group.limit(group.used() + ROOM)
        control.publish(state(upstream, 40_000, how="eat", when="call"))
        wait_until(lambda: revisions(gateway) == {2})
        with callers_of(gateway):
            wait_until(lambda: is_put_aside(control, GREW), "put aside and reported")
        assert group.kills() >= 2
        goes_on(upstream, control, gateway)


def test_workers_that_are_stopped_or_killed_from_outside_accuse_no_new_state(tmp_path: Path) -> None:
    with steady(tmp_path) as (upstream, control, gateway):
        control.publish(state(upstream, 50_000))
        wait_until(lambda: revisions(gateway) == {2})
        for number in (0, 1, 0, 1):
            kill_and_wait_for_the_next(gateway, number)
        for _ in range(2):
            stopped = set(gateway.pids())
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: not stopped & set(gateway.pids()), "others are in their places")  # noqa: B023
            gateway.wait_ready()
        assert revisions(gateway) == {2}
        assert codes(gateway) == {"worker.E001"}
        assert statuses(gateway) == {200}
