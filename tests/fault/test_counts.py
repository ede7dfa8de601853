"""What callers received is what the product counts, whatever is killed meanwhile (promises R6, B1, B5)."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.product import Product, is_in_force, prepared_place, processes_of, running
from tests.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.product]

CALLERS = 16  # one of them is all but sure to be on the worker that is killed
PLAN = """
apiVersion: apim.dev/v1
kind: Plan
metadata: { name: starter }
spec:
  displayName: Starter
  approval: auto
  limits:
    - { rate: 100000/s, burst: 100000 }
    - { quota: 100000000, per: month }
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(prepared_place(tmp_path_factory.mktemp("counts") / "home")) as started:
        rest(started, "POST", "documents/apply", {"documents": PLAN, "files": {}})
        wait_until(lambda: is_in_force(started), "the plan is in force", pause_s=0.1)
        yield started


@dataclass(slots=True)
class Tally:
    """What callers know of all calls to a product so far: answers received whole, and calls that broke."""

    completed: int = 0
    broken: int = 0


@pytest.fixture(scope="module")
def tally(product: Product) -> Tally:
    return Tally()


def rest(product: Product, method: str, path: str, body: object = None) -> dict[str, object]:
    answer = httpx.request(
        method, f"{product.web}/api/v1/{path}", json=body,
        headers={"Authorization": f"Bearer {product.token}"}, timeout=PATIENCE_S,
    )  # fmt: skip
    assert answer.is_success, answer.text
    told: dict[str, object] = answer.json()
    return told


def counted(product: Product) -> int:
    """What the REST API says of the application."""
    return int(str(rest(product, "GET", "usage?application=shop")["calls"]))


def status(product: Product) -> dict[str, object]:
    told: dict[str, object] = httpx.get(f"{product.gateway_admin}/status", timeout=PATIENCE_S).json()
    return told


def in_flight(product: Product) -> int:
    usage = status(product)["usage"]
    assert isinstance(usage, dict)
    return int(usage["indeterminate"])


class Caller(threading.Thread):
    """Calls on one connection; counts the answers that came whole and the calls that broke."""

    def __init__(self, product: Product, calls: int) -> None:
        """Not started."""
        super().__init__(daemon=True)
        self._product, self._calls = product, calls
        self.completed = self.broken = 0

    def run(self) -> None:
        """All calls, connecting again after a break."""
        parts = urlsplit(self._product.example_url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        for _ in range(self._calls):
            try:
                connection.request("GET", target, headers={"X-API-Key": self._product.example_key})
                connection.getresponse().read()
                self.completed += 1
            except (OSError, http.client.HTTPException):
                self.broken += 1
                connection.close()
                time.sleep(0.1)
        connection.close()


def pids_of(product: Product, part: str) -> list[int]:
    return sorted(pid for pid, command in processes_of(product.home).items() if part in command)


def workers_of(product: Product) -> list[int]:
    """The workers of its gateway: the children of the supervisor."""
    found = pids_of(product, "gateway_sync.runtime")
    return [pid for pid in found if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) in found]


def call(product: Product, tally: Tally, calls: int, at_half: Callable[[], None]) -> Tally:
    """What became of the calls of all callers, while something happens once half of them are done; added to tally."""
    callers = [Caller(product, calls // CALLERS) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    while sum(caller.completed + caller.broken for caller in callers) < calls // 2:
        time.sleep(0.01)
    at_half()
    for caller in callers:
        caller.join()
    told = Tally(sum(caller.completed for caller in callers), sum(caller.broken for caller in callers))
    tally.completed += told.completed
    tally.broken += told.broken
    return told


def settle(product: Product, tally: Tally) -> float:
    """Seconds until all that callers know of is visible; then a while in which a second count would show."""
    took_s = wait_until(
        lambda: counted(product) >= tally.completed, f"{tally.completed} calls are visible", pause_s=0.1
    )
    time.sleep(2)
    print(f"{tally}, counted {counted(product)}, in flight {in_flight(product)}, after {took_s:.1f} s")
    return round(took_s, 2)


def test_ten_thousand_calls_are_counted_exactly_though_a_worker_is_killed(
    product: Product, tally: Tally, record_property: Callable[[str, object], None]
) -> None:
    told = call(product, tally, 10_000, lambda: os.kill(workers_of(product)[0], signal.SIGKILL))
    assert told.completed + told.broken == 10_000
    assert 0 < told.broken <= CALLERS
    record_property("visible_after_s", settle(product, tally))
    # A call that broke was in flight, or was done and died on its way; nothing else is counted, and nothing twice.
    assert tally.completed <= counted(product) <= tally.completed + tally.broken
    assert in_flight(product) <= tally.broken


@pytest.mark.parametrize(
    "part", ["gateway_sync.runtime --home", "granian", "queues publishing"], ids=["supervisor", "web", "publishing"]
)
def test_nothing_is_lost_or_doubled_when_a_process_is_killed(product: Product, tally: Tally, part: str) -> None:
    old = set(pids_of(product, part))

    def kill() -> None:
        for pid in old:
            os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        new = set(pids_of(product, part))
        return bool(new) and not new & old and is_ready(product)

    told = call(product, tally, 3_200, kill)
    wait_until(is_back, f"{part} is back", pause_s=0.2)
    settle(product, tally)
    assert tally.completed <= counted(product) <= tally.completed + tally.broken
    if "runtime" not in part:
        assert told.broken == 0


def is_ready(product: Product) -> bool:
    try:
        urls = (f"{product.web}/healthz/ready", f"{product.gateway_admin}/healthz/ready")
        return all(httpx.get(url, timeout=10).status_code == 200 for url in urls)
    except httpx.TransportError:
        return False
