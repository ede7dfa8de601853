"""The bank's transfer as a composite operation, before services that a test has in its hand."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from apim.openapi.source import read_source
from examples.bank.accounts.service import accounts_service
from gateway_sync.compositions import read_composite
from gateway_sync.problems import Where
from gateway_sync.snapshot import API, Policy, Route, Snapshot, Target
from tests.ports import free_ports
from tests.upstreams import Arrival, Reply, Upstream
from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess, make_environment, make_snapshot, make_version

TRANSFERS = "POST /transfers"
EXAMPLE = Path(__file__).parents[2] / "examples/bank/apim.yaml"
DOCUMENT: dict[str, Any] = next(
    read_source(text).value["spec"]["versions"][0]["composites"][TRANSFERS]
    for text in EXAMPLE.read_text().split("\n---\n")
    if "name: bank," in text
)
ORDER = {"from": "acc-1", "to": "acc-2", "amount": "100.00", "text": "Rent"}


class Bank(Upstream):
    """The example's service; what it is told to do to paths that end so, it does before it books."""

    def __init__(self) -> None:
        self.service = accounts_service()
        self.faults: dict[str, Callable[[], Reply | None]] = {}
        super().__init__(self._serve)

    def _serve(self, arrival: Arrival) -> Reply:
        service = self.service  # a call that is held may outlast its test
        for end, fault in list(self.faults.items()):
            if arrival.target.endswith(end) and (reply := fault()) is not None:
                return reply
        answer = service.answer(arrival.method, arrival.target, arrival.body, dict(arrival.headers))
        return Reply(json.dumps(answer.body).encode(), answer.status)

    def begin(self) -> None:
        """A fresh bank, nothing seen, nothing broken."""
        self.service = accounts_service()
        self.faults.clear()
        self.arrivals.clear()

    def balance(self, account: str) -> str:
        """What it holds now."""
        body = self.service.answer("GET", f"/accounts/{account}", b"", {}).body
        assert isinstance(body, dict)
        return str(body["balance"])

    def calls(self) -> list[str]:
        """What was called, in order; of what is called side by side the order is that of names."""
        found = [f"{arrival.method} {arrival.target}" for arrival in list(self.arrivals)]
        return [*sorted(found[:2]), *found[2:]]


def hold() -> tuple[threading.Event, threading.Event, Callable[[], Reply | None]]:
    """Set once the service is called, what lets it go on, and the fault."""
    reached, release = threading.Event(), threading.Event()

    def fault() -> None:
        reached.set()
        release.wait(PATIENCE_S)

    return reached, release, fault


def composite(**changes: Any) -> dict[str, Any]:
    """The example's transfer, canonical."""
    steps = [{**step, "timeout": f"{PATIENCE_S:.0f}s", **changes.get(step["name"], {})} for step in DOCUMENT["steps"]]
    own = {"timeout": "200s"} | {name: value for name, value in changes.items() if not isinstance(value, dict)}
    read, problems = read_composite(TRANSFERS, {**DOCUMENT, **own, "steps": steps}, Where("version", "ver_1"))
    assert not [problem for problem in problems if problem.is_error], problems
    return read.dump()


def snapshot_of(bank: Bank, *, most: int = 64) -> Snapshot:
    """v1 makes transfers as the example does, the others with little patience, or of other services."""
    route = Route(TRANSFERS, "POST", "/transfers", ("prd_1",))
    made = make_version(bank.port)
    plain = replace(made, routes=(*made.routes, route))
    undo = {"call": "POST /reversals", "timeout": "60s", "attempts": 2}
    variants = {
        "v1": composite(),
        "v2": composite(withdraw={"compensate": undo}, deposit={"compensate": undo}),
        "v3": composite(timeout="400ms"),
        "v4": composite(maxBytes=250),
        "v5": composite(deposit={"service": "ledger/v1"}),
        "v6": composite(deposit={"service": "foreign/v1"}),
        "v7": composite(deposit={"timeout": "300ms"}),
        "v8": composite(),
        "v9": composite(deposit={"service": "dead/v1"}),
    }
    versions = [
        replace(plain, id=f"ver_{name}", name=name, composites={TRANSFERS: settings})
        for name, settings in variants.items()
    ]
    retries = {"retries": {"attempts": 2, "statuses": ["503"], "backoff": "1ms"}}
    versions[7] = replace(versions[7], upstream=retries)
    limits = (Policy("client-limits", {"composites": most}),)
    snapshot = make_snapshot(versions, environment=make_environment(policies=limits))
    target = (Target("http", "127.0.0.1", bank.port, "", 100),)
    ledger = API("api_2", "ledger", "org_owner", "X-API-Key", (make_version(0, id="ver_l", targets=target),))
    foreign = API("api_3", "foreign", "org_other", "X-API-Key", (make_version(0, id="ver_f", targets=target),))
    closed = (Target("http", "127.0.0.1", free_ports(1)[0], "", 100),)
    dead = API("api_4", "dead", "org_owner", "X-API-Key", (make_version(0, id="ver_d", targets=closed),))
    return replace(snapshot, apis=(*snapshot.apis, ledger, foreign, dead))


def ask(
    process: GatewayProcess, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, document and fields of one call."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=PATIENCE_S)
    try:
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, content, {"X-API-Key": KEY, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}"), dict(answer.getheaders())
    finally:
        connection.close()


def transfer(process: GatewayProcess, version: str = "v1", **changes: object) -> tuple[int, dict[str, Any]]:
    """Status and document of a transfer."""
    status, document, _ = ask(process, "POST", f"/bank/{version}/transfers", ORDER | changes)
    return status, document


def leave(connection: http.client.HTTPConnection) -> None:
    """Reset the connection: one that only ends may still be read from."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def metric(process: GatewayProcess, name: str) -> float:
    """The sum over workers."""
    lines = process.admin("/metrics")[1].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def log_of(process: GatewayProcess) -> str:
    return (process.home.path / "gateway.log").read_text()
