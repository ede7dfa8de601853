"""Changes reach every worker, whatever is dead on the way.

Promises R3, R7, C1, C2, C3.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.product import Product, free_ports, new_place, processes_of, running

pytestmark = [pytest.mark.fault, pytest.mark.product]

KEY = "X-API-Key"
PUSH_WITHIN_S = 1.0
PULL_WITHIN_S = 5.0
CONNECTIONS = 12  # enough that each of two workers gets some
PLAN = """
apiVersion: apim.dev/v1
kind: Plan
metadata: {{ name: starter }}
spec:
  displayName: Starter
  approval: auto
  limits:
    - {{ rate: {rate}/s, burst: {burst} }}
    - {{ quota: 100000000, per: month }}
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(new_place(tmp_path_factory.mktemp("delivery") / "home")) as started:
        set_plan(started, rate=100_000, burst=100_000)
        assert in_force_after(started, started.example_key, 200, 10) < 10
        yield started


def rest(product: Product, method: str, path: str, body: object = None) -> httpx.Response:
    answer = httpx.request(
        method,
        f"{product.web}/api/v1/{path}",
        json=body,
        headers={"Authorization": f"Bearer {product.token}"},
        timeout=30,
    )
    assert answer.is_success, answer.text
    return answer


def set_plan(product: Product, *, rate: int, burst: int) -> None:
    rest(product, "POST", "documents/apply", {"documents": PLAN.format(rate=rate, burst=burst), "files": {}})


def new_key(product: Product) -> tuple[str, str]:
    issued = rest(product, "POST", "credentials", {"application": "shop"}).json()
    return issued["id"], issued["key"]


def revoke(product: Product, credential_id: str) -> None:
    rest(product, "POST", f"credentials/{credential_id}/revoke", {})


def statuses(product: Product, key: str) -> set[int]:
    """What fresh connections are answered: they spread over the workers."""
    return {httpx.get(product.example_url, headers={KEY: key}, timeout=10).status_code for _ in range(CONNECTIONS)}


def in_force_after(product: Product, key: str, status: int, within_s: float) -> float:
    """Seconds until every worker answers with status."""
    started_at = time.monotonic()
    while (asked_at := time.monotonic()) - started_at <= within_s:
        if statuses(product, key) == {status}:
            return asked_at - started_at
    message = f"after {within_s} s still {statuses(product, key)} instead of {status}"
    raise AssertionError(message)


def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@dataclass(slots=True)
class Load:
    """Calls that go on while something changes."""

    answers: Counter[int]
    failed: list[str]


@contextmanager
def load(product: Product) -> Iterator[Load]:
    """Two callers on connections of their own, with a key that nothing happens to."""
    told = Load(Counter(), [])
    is_over = threading.Event()

    def call() -> None:
        with httpx.Client(headers={KEY: product.example_key}, timeout=10) as client:
            while not is_over.is_set():
                try:
                    told.answers[client.get(product.example_url).status_code] += 1
                except httpx.TransportError as error:
                    told.failed.append(repr(error))

    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        yield told
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


@contextmanager
def frozen(product: Product, *parts: str) -> Iterator[None]:
    """Processes that hang: harder on the others than dead ones, which at least refuse."""
    pids = [pid for pid, command in processes_of(product.home).items() if any(part in command for part in parts)]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def restart_gateway(product: Product) -> None:
    """Kill the gateway's supervisor; the launcher starts it again."""

    def supervisors() -> set[int]:
        found = processes_of(product.home).items()
        return {pid for pid, command in found if "gateway_sync.runtime --home" in command}

    old = supervisors()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bool(supervisors() - old), 15)
    wait_until(lambda: is_up(f"{product.gateway_admin}/healthz/ready"), 20)


def is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_keys_limits_and_suspensions_are_in_force_within_a_second_under_load(product: Product) -> None:
    with load(product) as told:
        credential_id, key = new_key(product)
        assert in_force_after(product, key, 200, PUSH_WITHIN_S) <= PUSH_WITHIN_S
        revoke(product, credential_id)
        assert in_force_after(product, key, 401, PUSH_WITHIN_S) <= PUSH_WITHIN_S
    assert told.failed == []
    assert set(told.answers) == {200}

    application = next(
        each["id"] for each in rest(product, "GET", "applications").json()["data"] if each["name"] == "shop"
    )
    rest(product, "POST", f"applications/{application}/suspend", {})
    assert in_force_after(product, product.example_key, 403, PUSH_WITHIN_S) <= PUSH_WITHIN_S
    rest(product, "POST", f"applications/{application}/resume", {})
    assert in_force_after(product, product.example_key, 200, PUSH_WITHIN_S) <= PUSH_WITHIN_S

    set_plan(product, rate=1, burst=1)
    wait_until(lambda: 429 in statuses(product, product.example_key), PUSH_WITHIN_S)
    set_plan(product, rate=100_000, burst=100_000)
    in_force_after(product, product.example_key, 200, 5)


def test_push_alone_brings_a_revocation_within_a_second(product: Product) -> None:
    credentials = product.home / "gateway" / "credentials.json"
    whole = credentials.read_text()
    (closed,) = free_ports(1)
    try:
        credentials.write_text(json.dumps({**json.loads(whole), "control_url": f"http://127.0.0.1:{closed}"}))
        restart_gateway(product)
        wait_until(lambda: httpx.get(f"{product.gateway_admin}/status").json()["is_push_connected"], 15)
        credential_id, key = new_key(product)
        assert in_force_after(product, key, 200, PUSH_WITHIN_S) <= PUSH_WITHIN_S
        revoke(product, credential_id)
        assert in_force_after(product, key, 401, PUSH_WITHIN_S) <= PUSH_WITHIN_S
    finally:
        credentials.write_text(whole)
        restart_gateway(product)


def test_without_redis_a_revocation_is_pulled_within_five_seconds(product: Product) -> None:
    credential_id, key = new_key(product)
    in_force_after(product, key, 200, 5)
    with frozen(product, "valkey-server"):
        revoke(product, credential_id)
        assert in_force_after(product, key, 401, PULL_WITHIN_S) <= PULL_WITHIN_S


def test_without_celery_changes_wait_and_the_console_says_so(product: Product) -> None:
    with frozen(product, "celery"):
        set_plan(product, rate=90_000, burst=90_000)
        environment = rest(product, "GET", "environments/default").json()
        assert environment["is_waiting_to_publish"] is True
        assert statuses(product, product.example_key) == {200}
    wait_until(lambda: rest(product, "GET", "environments/default").json()["is_waiting_to_publish"] is False, 15)


def test_without_the_control_plane_the_gateway_serves_and_starts(product: Product) -> None:
    with frozen(product, "granian", "celery", "valkey-server"):
        assert statuses(product, product.example_key) == {200}
        restart_gateway(product)
        assert statuses(product, product.example_key) == {200}
        assert httpx.get(product.example_url).status_code == 401
    wait_until(lambda: is_up(f"{product.web}/healthz/ready"), 20)
    credential_id, key = new_key(product)
    assert in_force_after(product, key, 200, 10) <= 10
    revoke(product, credential_id)
