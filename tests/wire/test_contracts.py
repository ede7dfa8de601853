"""Policies that go by the version's document: request validation and mock answers, on the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from apim.catalog.contracts import contract_of
from gateway_sync.snapshot import Version
from tests.wire.contract import DOCUMENT, ROUTES
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.policies import call, policies_of, seen
from tests.wire.raw import RawClient, RawUpstream


def version_with(upstream: RawUpstream, name: str, *policies: dict[str, dict[str, object]]) -> Version:
    version = make_version(upstream.port, id=f"ver_{name}", name=name, policies=policies_of(policies))
    return replace(version, routes=ROUTES, contract=contract_of(DOCUMENT))


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One worker; v1 is plain."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    versions = [
        make_version(upstream.port),
        version_with(upstream, "checked", {"validate-request": {"max": "1KiB"}}),
        version_with(upstream, "tried", {"validate-request": {"shadow": True}}),
        version_with(upstream, "small", {"validate-request": {"shadow": True, "max": "1KiB"}}),
        version_with(upstream, "mocked", {"mock": {}}),
        version_with(upstream, "both", {"mock": {}}, {"validate-request": {}}),
    ]
    home.install(make_snapshot(versions))
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def errors_of(body: bytes) -> dict[str, str]:
    problem = json.loads(body)
    assert problem["code"] == "invalid-request"
    return {error["pointer"]: error["message"] for error in problem["errors"]}


def test_a_request_as_the_document_says_passes(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert call(gateway, "/checked/accounts/7?limit=10&kinds=a&kinds=b&more=1", "X-Strict: true\r\n")[0] == 200
    assert seen(upstream).startswith("GET /accounts/7?limit=10&kinds=a&kinds=b&more=1 HTTP/1.1\r\n")


def test_every_wrong_parameter_is_named(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, fields, body = call(gateway, "/checked/accounts/0?limit=ten&kinds=a&kinds=c", "X-Strict: yes\r\n")
    assert (status, fields["content-type"]) == (400, "application/problem+json")
    assert list(errors_of(body)) == ["#/path/id", "#/query/limit", "#/query/kinds/1", "#/header/X-Strict"]
    assert errors_of(call(gateway, "/checked/accounts/1")[2]) == {"#/query/limit": "It is required."}
    assert upstream.requests == []


def test_a_body_is_checked_and_passed_on_as_it_was(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    body = b'{ "owner": "eva",  "heirs": [{"owner": "ada"}], "born": "2000-01-31" }'
    extra = "Content-Type: application/json; charset=utf-8\r\n"
    assert call(gateway, "/checked/accounts/1", extra, method="PUT", body=body)[0] == 200
    assert seen(upstream).endswith("\r\n\r\n" + body.decode())


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"heirs": [{"owner": "EVA"}]}', "#/heirs/0/owner"),
        (b'{"owner": "eva", "born": "today"}', "#/born"),
        (b'{"owner": "eva", "x": 1}', "#"),
        (b'{"owner": ', "#"),
        (b"[" * 1000, "#"),
        (b"", "#"),
    ],
)
def test_a_wrong_body_is_refused_with_the_place(
    gateway: GatewayProcess, upstream: RawUpstream, body: bytes, pointer: str
) -> None:
    extra = "Content-Type: application/json\r\n"
    status, _, answer = call(gateway, "/checked/accounts/1", extra, method="PUT", body=body)
    assert status == 400
    assert pointer in errors_of(answer)
    assert upstream.requests == []


def test_the_list_of_errors_is_bounded(gateway: GatewayProcess) -> None:
    body = json.dumps({"owner": "eva", "heirs": [{"owner": str(n)} for n in range(40)]}).encode()
    answer = call(gateway, "/checked/accounts/1", "Content-Type: application/json\r\n", method="PUT", body=body)[2]
    assert len(json.loads(answer)["errors"]) == 10


def test_another_type_of_body_and_a_larger_one_are_refused(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, _, body = call(gateway, "/checked/accounts/1", "Content-Type: text/plain\r\n", method="PUT", body=b"{}")
    assert (status, errors_of(body)) == (400, {"#": "The body must be of application/json."})
    assert call(gateway, "/checked/accounts/1", method="PUT", body=b" " * 1025)[0] == 413
    assert upstream.requests == []


def test_validation_in_shadow_refuses_nothing(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    assert call(gateway, "/tried/accounts/0", method="PUT", body=b"no JSON")[0] == 200
    assert seen(upstream).endswith("\r\n\r\nno JSON")


@pytest.mark.parametrize("extra", ["", "Transfer-Encoding: chunked\r\n"])
def test_a_body_larger_than_a_shadow_takes_passes_as_it_comes(
    gateway: GatewayProcess, upstream: RawUpstream, extra: str
) -> None:
    body = b"x" * 3000
    sent = b"".join(b"5dc\r\n%s\r\n" % body[at : at + 1500] for at in (0, 1500)) + b"0\r\n\r\n"
    with RawClient(gateway.port) as client:
        head = f"PUT /bank/small/accounts/1 HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n"
        head += extra or f"Content-Length: {len(body)}\r\n"
        client.send(head.encode() + b"\r\n")
        content = sent if extra else body
        client.send(content[:700])
        time.sleep(0.01)
        client.send(content[700:])
        assert client.read_answer()[0] == 200
    received = seen(upstream)
    assert received.count("x") == 3000
    assert ("transfer-encoding: chunked" in received.lower()) is bool(extra)


def test_a_mock_answers_with_the_example_that_is_preferred(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    status, fields, body = call(gateway, "/mocked/accounts/1")
    assert (status, fields["content-type"], json.loads(body)) == (200, "application/json", {"balance": 12.5})
    status, fields, body = call(gateway, "/mocked/accounts/1", "Prefer: example=poor\r\n")
    assert (status, fields["preference-applied"], json.loads(body)) == (200, "example=poor", {"balance": 0})
    status, fields, body = call(gateway, "/mocked/accounts/1", "Prefer: code=404\r\n")
    assert (status, fields["preference-applied"], json.loads(body)) == (404, "code=404", {"code": "none"})
    status, fields, body = call(gateway, "/mocked/accounts/1", "Prefer: code=418\r\n")
    assert (status, "preference-applied" in fields) == (200, False)
    assert call(gateway, "/mocked/accounts/1", method="PUT", body=b"{}")[0] == 204
    assert upstream.requests == []


def test_a_mock_checks_requests_first_where_both_are_on(gateway: GatewayProcess) -> None:
    assert call(gateway, "/both/accounts/1")[0] == 400
    assert call(gateway, "/both/accounts/1?limit=1")[0] == 200
