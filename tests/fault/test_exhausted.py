"""A gateway that has no files or no memory left sheds what is too much, loses no record, and recovers (H23; R6)."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from apim.catalog.contracts import contract_of
from gateway_sync.snapshot import Policy, Snapshot
from tests.fault.calling import Caller, call
from tests.memory_groups import MemoryGroup, memory_group
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.bodies import upload
from tests.wire.contract import DOCUMENT, ROUTES
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.policies import policies_of
from tests.wire.raw import OK, RawClient, RawUpstream

pytestmark = pytest.mark.fault

FILES = 256
SERVED = 64  # what that many files are good for: each caller takes one, and one more for its service
BEYOND = 20
UPLOADERS = 60
UPLOADED = 2_000_000  # of 2 MiB, so that it is kept and waited for
GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()


def with_files(count: int) -> list[str]:
    """A command under which no process has more files open."""
    if shutil.which("prlimit") is None:
        pytest.skip("no prlimit")
    return ["prlimit", f"--nofile={count}:{count}"]


def ask(gateway: GatewayProcess) -> int:
    with RawClient(gateway.port) as client:
        return client.send(GET).read_answer()[0]


def test_callers_for_whom_no_file_is_left_are_told_to_come_back_and_the_others_are_served(tmp_path: Path) -> None:
    home, may_answer = Home(tmp_path), threading.Event()

    def hold(peer: socket.socket, _request: bytes) -> bool:
        may_answer.wait(PATIENCE_S)
        peer.sendall(OK)
        return True

    with RawUpstream(hold) as upstream, KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        gateway = GatewayProcess(home, command=with_files(FILES)).wait_ready()
        try:
            before = gateway.pids()
            with ExitStack() as stack:
                callers = [stack.enter_context(RawClient(gateway.port)).send(GET) for _ in range(SERVED)]
                wait_until(lambda: len(upstream.requests) == SERVED, "all calls are at the service")
                for _ in range(BEYOND):
                    with RawClient(gateway.port) as client:
                        status, head, body = client.read_answer()
                    assert (status, b"Retry-After: 1" in head, b'"code":"overloaded"' in body) == (503, True, True)
                may_answer.set()
                assert [caller.read_answer()[0] for caller in callers] == [200] * SERVED
            wait_until(lambda: _is_served(gateway), "served again")
            assert gateway.pids() == before
            wait_until(lambda: len(control.events) >= SERVED, "all is counted")
        finally:
            gateway.stop()
    assert Counter(event.status for event in control.events.values())[200] == len(control.events)


def _is_served(gateway: GatewayProcess) -> bool:
    with suppress(OSError):
        return ask(gateway) == 200
    return False


@pytest.mark.slow
def test_files_that_do_run_out_end_no_worker_and_cost_no_record(tmp_path: Path) -> None:
    """Where the host is told of more callers than it has files for, some are cut off before they are heard."""
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        options = ("--max-connections", "100000")
        gateway = GatewayProcess(home, command=with_files(FILES), options=options).wait_ready()
        try:
            before, served, statuses = gateway.pids(), 0, Counter[int]()
            with ExitStack() as stack:
                for _ in range(2 * FILES):
                    client = stack.enter_context(RawClient(gateway.port))
                    with suppress(OSError):
                        statuses[client.send(GET).read_answer()[0]] += 1
            served += statuses[200]
            assert served > 0
            wait_until(lambda: _is_served(gateway), "served again")
            callers = call(gateway.port, callers=4, calls=20)
            assert {status for caller in callers for _, status in caller.completed} == {200}
            completed = {item for caller in callers for item in caller.completed}
            wait_until(
                lambda: {(e.request_id, e.status) for e in list(control.events.values())} >= completed, "all is counted"
            )
            assert gateway.pids() == before
        finally:
            gateway.stop()
    print(f"\nof {2 * FILES} callers: {dict(statuses)}")
    counted = Counter(event.status for event in control.events.values())
    assert counted[200] >= served + 80


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    """Processes that share a limit of memory."""
    with memory_group() as made:
        yield made


def keeping(upstream: RawUpstream, budget: int) -> Snapshot:
    """v1 is plain; a worker reads bodies for v2 whole, and keeps so many bytes of them."""
    plain = make_version(upstream.port)
    checked = make_version(
        upstream.port, id="ver_2", name="v2", policies=policies_of([{"validate-request": {"max": "2MiB"}}])
    )
    limits = Policy("client-limits", {"keptBodies": budget})
    versions = [plain, replace(checked, routes=ROUTES, contract=contract_of(DOCUMENT))]
    return make_snapshot(versions, environment=make_environment(policies=(limits,)))


def besiege(gateway: GatewayProcess, is_enough: Callable[[], bool]) -> Counter[int]:
    """The answers to callers that begin large bodies and never end them, until it is enough; 0 = cut off."""
    answers: Counter[int] = Counter()
    with ExitStack() as stack:
        for _ in range(UPLOADERS):
            client = stack.enter_context(RawClient(gateway.port))
            with suppress(OSError):
                upload(client, "PUT /bank/v2/accounts/1", 2 << 20, UPLOADED)
            client.socket.settimeout(0.05)
            try:
                answers[client.read_answer()[0]] += 1
            except TimeoutError:
                continue  # it is kept
            except OSError:
                answers[0] += 1
            if is_enough():
                break
    return answers


def check_counts(control: KeepingControlPlane, callers: list[Caller], most_broken: int) -> None:
    """Each answer that came whole was counted once; calls that broke were in flight at a kill."""
    completed = {item for caller in callers for item in caller.completed}
    broken = sum(caller.broken for caller in callers)
    assert {status for _, status in completed} <= {200, 503}
    assert broken <= most_broken
    wanted = {item for item in completed if item[1] == 200}
    wait_until(lambda: {(e.request_id, e.status) for e in list(control.events.values())} >= wanted, "all is counted")
    ids = Counter(event.request_id for event in control.events.values())
    assert set(ids.values()) == {1}


@pytest.mark.slow
def test_with_twice_the_memory_of_an_idle_gateway_uploads_are_shed_and_nobody_is_killed(
    tmp_path: Path, group: MemoryGroup
) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(keeping(upstream, 8 << 20))
        control.change(home.records())
        gateway = GatewayProcess(home, workers=2, command=group.command()).wait_ready()
        try:
            call(gateway.port, callers=8, calls=50)
            before = gateway.pids()
            group.limit(2 * group.used())
            answers: Counter[int] = Counter()

            def attack() -> None:
                answers.update(besiege(gateway, lambda: False))

            callers = call(gateway.port, callers=8, calls=200, meanwhile=attack)
            assert answers[503] > 0
            assert gateway.pids() == before
            check_counts(control, callers, most_broken=0)
            assert group.kills() == 0
        finally:
            gateway.stop()


@pytest.mark.slow
def test_a_worker_that_is_killed_for_its_memory_loses_no_record_and_the_others_go_on(
    tmp_path: Path, group: MemoryGroup, record_property: Callable[[str, object], None]
) -> None:
    """It was granted more than the host has."""
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(keeping(upstream, 512 << 20))
        control.change(home.records())
        gateway = GatewayProcess(home, workers=2, command=group.command()).wait_ready()
        try:
            before = gateway.pids()
            group.limit(group.used() + (32 << 20))
            began = time.monotonic()
            callers = call(
                gateway.port, callers=16, calls=200, meanwhile=lambda: besiege(gateway, lambda: group.kills() > 0)
            )
            assert group.kills() > 0
            wait_until(lambda: gateway.pids() != before, "another worker")
            gateway.wait_ready()
            record_property("besieged_for_s", round(time.monotonic() - began, 1))
            record_property("kills_for_memory", group.kills())
            callers += call(gateway.port, callers=8, calls=20)
            assert gateway.process.poll() is None
            check_counts(control, callers, most_broken=16 * group.kills())
        finally:
            gateway.stop()
