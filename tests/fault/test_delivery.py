"""Changes reach every worker, whatever is dead on the way.

Promises R3, R7, C1, C2, C3.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.product import Product, prepared_place, processes_of, running
from tests.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.product]

KEY = "X-API-Key"
NOWHERE = "http://127.0.0.1:1"
ATTEMPTS = 3
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


Note = Callable[[str, object], None]


@pytest.fixture
def note(record_property: Note) -> Note:
    """`note(name, value)` is told at the end of the run and asserted nowhere."""
    return record_property


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(prepared_place(tmp_path_factory.mktemp("delivery") / "home")) as started:
        set_plan(started, rate=100_000, burst=100_000)
        yield started


def rest(product: Product, method: str, path: str, body: object = None) -> httpx.Response:
    answer = httpx.request(
        method,
        f"{product.web}/api/v1/{path}",
        json=body,
        headers={"Authorization": f"Bearer {product.token}"},
        timeout=PATIENCE_S,
    )
    assert answer.is_success, answer.text
    return answer


def set_plan(product: Product, *, rate: int, burst: int) -> None:
    """The example's plan has this rate, on every worker."""
    publish_plan(product, rate=rate, burst=burst)
    granted = f";q={burst};"
    wait_until(
        lambda: all(granted in answer.headers.get("RateLimit-Policy", "") for answer in answers(product)), granted
    )


def publish_plan(product: Product, *, rate: int, burst: int) -> None:
    rest(product, "POST", "documents/apply", {"documents": PLAN.format(rate=rate, burst=burst), "files": {}})


def new_key(product: Product) -> tuple[str, str]:
    issued = rest(product, "POST", "credentials", {"application": "shop"}).json()
    return issued["id"], issued["key"]


def revoke(product: Product, credential_id: str) -> None:
    rest(product, "POST", f"credentials/{credential_id}/revoke", {})


def answers(product: Product, key: str = "") -> list[httpx.Response]:
    """Those of fresh connections: they spread over the workers."""
    headers = {KEY: key or product.example_key}
    return [httpx.get(product.example_url, headers=headers, timeout=PATIENCE_S) for _ in range(CONNECTIONS)]


def statuses(product: Product, key: str) -> set[int]:
    return {answer.status_code for answer in answers(product, key)}


def refusals(product: Product) -> set[str]:
    """What the example's caller is told by calls that are not served."""
    return {answer.text for answer in answers(product) if answer.status_code != 200}


def in_force_after(product: Product, key: str, status: int) -> float:
    """Seconds until every worker answers with status, to be noted."""
    return round(wait_until(lambda: statuses(product, key) == {status}, f"{status} from every worker"), 2)


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
        with httpx.Client(headers={KEY: product.example_key}, timeout=PATIENCE_S) as client:
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

    def is_frozen() -> bool:
        send(pids, signal.SIGSTOP)
        if is_writable(product):
            return True
        send(pids, signal.SIGCONT)  # one of them was in a transaction, for which all others would wait
        return False

    wait_until(is_frozen, "frozen outside of transactions", pause_s=0.1)
    try:
        yield
    finally:
        send(pids, signal.SIGCONT)


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        os.kill(pid, number)


def is_writable(product: Product) -> bool:
    with closing(sqlite3.connect(product.home / "db.sqlite3", timeout=1, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        database.execute("ROLLBACK")
        return True


def restart_gateway(product: Product) -> None:
    """Kill the gateway's supervisor; the launcher starts it again."""

    def supervisors() -> set[int]:
        found = processes_of(product.home).items()
        return {pid for pid, command in found if "gateway_sync.runtime --home" in command}

    old = supervisors()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bool(supervisors() - old), "the gateway is started again")
    wait_until(lambda: is_up(f"{product.gateway_admin}/healthz/ready"), "the gateway is ready")


def is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def test_keys_limits_and_suspensions_are_in_force_everywhere_under_load(product: Product, note: Note) -> None:
    with load(product) as told:
        credential_id, key = new_key(product)
        note("key_after_s", in_force_after(product, key, 200))
        revoke(product, credential_id)
        note("revocation_after_s", in_force_after(product, key, 401))
    assert told.failed == []
    assert set(told.answers) == {200}

    application = next(
        each["id"] for each in rest(product, "GET", "applications").json()["data"] if each["name"] == "shop"
    )
    rest(product, "POST", f"applications/{application}/suspend", {})
    note("suspension_after_s", in_force_after(product, product.example_key, 403))
    rest(product, "POST", f"applications/{application}/resume", {})
    note("resumption_after_s", in_force_after(product, product.example_key, 200))

    publish_plan(product, rate=1, burst=1)
    took_s = wait_until(lambda: 429 in statuses(product, product.example_key), "a limit in force")
    note("limit_after_s", round(took_s, 2))
    set_plan(product, rate=100_000, burst=100_000)
    in_force_after(product, product.example_key, 200)


def test_push_alone_brings_a_revocation(product: Product, note: Note) -> None:
    """Nothing can be pulled, so what arrives was pushed. A push may be lost, and then only a pull helps: a new try."""
    for attempt in range(1, ATTEMPTS + 1):
        with unable_to_pull(product):
            credential_id, key = new_key(product)
            try:
                note("key_after_s", in_force_after(product, key, 200))
                revoke(product, credential_id)
                note("revocation_after_s", in_force_after(product, key, 401))
            except AssertionError:
                if attempt == ATTEMPTS:
                    raise
            else:
                return


@contextmanager
def unable_to_pull(product: Product) -> Iterator[None]:
    """The gateway, started again, hears pushes and finds no control plane to ask."""
    credentials = product.home / "gateway" / "credentials.json"
    whole = credentials.read_text()
    credentials.write_text(json.dumps({**json.loads(whole), "control_url": NOWHERE}))
    try:
        restart_gateway(product)
        wait_until(lambda: is_push_connected(product), "push is connected")
        yield
    finally:
        credentials.write_text(whole)
        restart_gateway(product)


def is_push_connected(product: Product) -> bool:
    status = httpx.get(f"{product.gateway_admin}/status", timeout=PATIENCE_S).json()
    return bool(status["is_push_connected"])


def test_without_redis_a_revocation_is_pulled(product: Product, note: Note) -> None:
    credential_id, key = new_key(product)
    in_force_after(product, key, 200)
    with frozen(product, "valkey-server"):
        revoke(product, credential_id)
        note("revocation_after_s", in_force_after(product, key, 401))


def test_without_celery_changes_wait_and_the_console_says_so(product: Product) -> None:
    with frozen(product, "celery"):
        publish_plan(product, rate=90_000, burst=90_000)
        environment = rest(product, "GET", "environments/default").json()
        assert environment["is_waiting_to_publish"] is True
        assert not refusals(product)
        restart_gateway(product)  # who knows no terms from before: the new ones are not there, the caller's record is
        assert not refusals(product)
    wait_until(
        lambda: rest(product, "GET", "environments/default").json()["is_waiting_to_publish"] is False, "published"
    )


def test_without_the_control_plane_the_gateway_serves_and_starts(product: Product) -> None:
    with frozen(product, "granian", "celery", "valkey-server"):
        assert not refusals(product)
        restart_gateway(product)
        assert not refusals(product)
        assert httpx.get(product.example_url, timeout=PATIENCE_S).status_code == 401
    wait_until(lambda: is_up(f"{product.web}/healthz/ready"), "the web server is back")
    credential_id, key = new_key(product)
    in_force_after(product, key, 200)
    revoke(product, credential_id)
