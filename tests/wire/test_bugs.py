"""A fault in what serves one call: it costs that call, is told once with the request's id, and nothing else ends.

Promise R1.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from h2.connection import H2Connection

from gateway_sync.snapshot import Policy
from tests.upstreams import Reply
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.composed import TRANSFERS, Bank, composite, log_of, metric, snapshot_of, transfer
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.http2_service import Service
from tests.wire.other_kinds import install
from tests.wire.raw import RawClient

ROOT = Path(__file__).parents[2]
# What a filter gives must be bytes: here it is not, and the gateway meets that where it no longer thinks of policies.
SPOILED = """
from dataclasses import dataclass
from gateway_sync.policies.descriptions import Description

DESCRIPTION = Description("spoiled", "Spoiled", "Gives text for bytes.", (), "spoiled: {}")

class Text(str):
    def __add__(self, other):
        return self

class Spoiling:
    def __init__(self, how):
        self.how = how

    def feed(self, content):
        if self.how == "raise":
            raise ZeroDivisionError
        return Text("text")

    def finish(self):
        return b""

@dataclass(frozen=True)
class POLICY:
    def on_answer(self, request, answer):
        how = request.fields.get("X-Spoil")
        answer.filter = Spoiling(how) if how else None

def parse(settings, where):
    return POLICY(), ()

def dump(policy):
    return {}
"""


# Faults in our own code, at one call of a composite operation and at what decides about it.
FAULTY = """
from dataclasses import dataclass
from gateway_sync.policies.descriptions import Description

DESCRIPTION = Description("faulty", "Faulty", "Breaks composites.", (), "faulty: {}")

@dataclass(frozen=True)
class POLICY:
    pass

def parse(settings, where):
    from gateway_sync.runtime.composed_step import StepCall
    from gateway_sync.runtime.core.composition import Composition

    def start(self, plain=StepCall.start):
        if self.path.endswith(b"/broken"):
            raise ZeroDivisionError
        plain(self)

    def on_answer(self, number, status, lines, body, *rest, plain=Composition.on_answer):
        if b"poison" in body:
            raise ZeroDivisionError
        return plain(self, number, status, lines, body, *rest)

    StepCall.start, Composition.on_answer = start, on_answer
    return POLICY(), ()

def dump(policy):
    return {}
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.close()


@pytest.fixture(scope="module")
def gateway(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("bugs")
    install(folder / "site", "spoiled", SPOILED)
    home = Home(folder / "home")
    version = make_version(service.port, upstream={"http": {"version": "2"}}, policies=(Policy("spoiled", {}),))
    home.install(make_snapshot([version]))
    process = GatewayProcess(home, variables={"PYTHONPATH": f"{ROOT}:{folder / 'site'}"})
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def request(*fields: str) -> bytes:
    lines = ["GET /bank/v1/accounts HTTP/1.1", "Host: a", f"X-API-Key: {KEY}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def log_lines(gateway: GatewayProcess, head: bytes) -> list[str]:
    """What is told of the request."""
    (request_id,) = (
        line.partition(b": ")[2].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"x-request-id:")
    )
    log = (gateway.home.path / "gateway.log").read_text()
    return [line for line in log.splitlines() if request_id in line]


@pytest.mark.parametrize(("how", "status"), [("text", 502), ("raise", 500)])
def test_the_others_of_a_shared_connection_are_answered(
    service: Service, gateway: GatewayProcess, how: str, status: int
) -> None:
    reached, release = threading.Event(), threading.Event()

    def answer(_service: Service, peer: socket.socket, h2: H2Connection, number: int) -> None:
        def finish() -> None:
            h2.send_headers(number, [(":status", "200"), ("content-length", "2")])
            h2.send_data(number, b"ok", end_stream=True)
            peer.sendall(h2.data_to_send())

        if "x-hold" in service.requests[-1][0]:
            reached.set()
            threading.Thread(target=lambda: release.wait(PATIENCE_S) and finish()).start()
        else:
            finish()

    service.script = answer
    with RawClient(gateway.port) as waiting, RawClient(gateway.port) as broken, RawClient(gateway.port) as other:
        waiting.send(request("X-Hold: 1"))
        assert reached.wait(PATIENCE_S)
        connections = service.connections
        broken.send(request(f"X-Spoil: {how}"))
        found, head, body = broken.read_answer()
        assert (found, json.loads(body)["status"]) == (status, status)
        assert len(log_lines(gateway, head)) == 1
        assert other.send(request()).read_answer()[0] == 200
        release.set()
        assert waiting.read_answer()[0] == 200
        assert service.connections == connections


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    with Bank() as found:
        yield found


@pytest.fixture(scope="module")
def faulty(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One composite at a time; what v2 deposits cannot even be sent."""
    folder = tmp_path_factory.mktemp("faulty")
    install(folder / "site", "faulty", FAULTY)
    home = Home(folder / "home")
    snapshot = snapshot_of(bank, most=1)
    (api, *others) = snapshot.apis
    first, second, *_ = api.versions
    broken = {TRANSFERS: composite(deposit={"call": "POST /broken"})}
    versions = (replace(first, policies=(*first.policies, Policy("faulty", {}))), replace(second, composites=broken))
    home.install(replace(snapshot, apis=(replace(api, versions=versions), *others)))
    process = GatewayProcess(home, variables={"PYTHONPATH": f"{ROOT}:{folder / 'site'}"})
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def test_a_step_that_cannot_be_sent_fails_and_those_before_it_are_undone(faulty: GatewayProcess, bank: Bank) -> None:
    bank.begin()
    status, document = transfer(faulty, "v2")
    assert (status, document["step"], document["undone"]) == (502, "deposit", ["withdraw"])
    assert bank.balance("acc-1") == "5379.50"
    assert log_of(faulty).count(f"of request {document['request_id']} failed\n") == 1
    assert transfer(faulty)[0] == 201  # its place is free


def test_a_bug_in_what_decides_ends_the_composite_and_frees_its_place(faulty: GatewayProcess, bank: Bank) -> None:
    bank.begin()
    before = metric(faulty, "apim_composites_not_undone_total")
    bank.faults["/deposits"] = lambda: Reply(b'{"poison": 1}', 201)
    status, document = transfer(faulty)
    assert (status, document["code"]) == (500, "internal-error")
    assert f"of request {document['request_id']} failed by a fault here and is not undone" in log_of(faulty)
    assert metric(faulty, "apim_composites_not_undone_total") == before + 1
    wait_until(lambda: metric(faulty, "apim_kept_body_bytes") == 0, "what it kept is given back")
    bank.begin()
    assert transfer(faulty)[0] == 201
