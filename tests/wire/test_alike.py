"""What policies do alike to equal messages is worked out once, and never done to another one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway_sync.snapshot import Policy
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream, answer_with

OTHER_KEY = KEY[:-6] + "654321"
POLICIES = (
    Policy("request-headers", {"set": {"X-Application": "{application.id}"}, "add": {}, "remove": ["Cookie"]}),
    Policy("response-headers", {"set": {"Cache-Control": "no-store"}, "add": {}, "remove": ["X-Inner"]}),
)
BY_REQUEST = (Policy("response-headers", {"set": {"X-Method": "{request.method}"}, "add": {}, "remove": []}),)


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Two applications; v1 has alike policies, v2 one that looks at the request."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    v1 = make_version(upstream.port, policies=POLICIES)
    v2 = make_version(upstream.port, policies=BY_REQUEST, id="ver_2", name="v2")
    (credential, application, *others) = home.records(applications=["app_1", "app_2"])
    _, _, body = credential
    assert body is not None
    second = [("credential", home.hash_of(OTHER_KEY), {**body, "id": "crd_2", "application": "app_2"})]
    second += [("application", "app_2", {"organization": "org_1", "state": "active", "name": "other"})]
    home.install(make_snapshot([v1, v2]), [credential, application, *others, *second])
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def request(key: str = KEY, *, version: str = "v1", method: str = "GET", more: str = "") -> bytes:
    return f"{method} /bank/{version}/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n{more}\r\n".encode()


def sent_on(upstream: RawUpstream) -> list[str]:
    """The fields of the last request that policies had to do with."""
    lines = upstream.requests[-1].decode().split("\r\n")
    return sorted(line for line in lines if line.lower().startswith(("x-application", "cookie", "x-mine")))


def test_each_caller_of_a_connection_gets_what_is_his(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        for key, application in ((KEY, "app_1"), (KEY, "app_1"), (OTHER_KEY, "app_2"), (KEY, "app_1")):
            assert client.send(request(key, more="Cookie: a=1\r\n")).read_answer()[0] == 200
            assert sent_on(upstream) == [f"X-Application: {application}"]


def test_other_fields_are_other_requests(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        for more, kept in (("X-Mine: 1\r\n", ["X-Mine: 1"]), ("X-Mine: 2\r\n", ["X-Mine: 2"]), ("", [])):
            assert client.send(request(more=more)).read_answer()[0] == 200
            assert sent_on(upstream) == ["X-Application: app_1", *kept]
        assert client.send(request(more="X-Application: forged\r\n")).read_answer()[0] == 200
        assert sent_on(upstream) == ["X-Application: app_1"]


def test_request_with_a_body_and_one_without_share_their_fields(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    post = request(method="POST", more="Content-Length: 3\r\n") + b"abc"
    with RawClient(gateway.port) as client:
        for sent, end in ((request(), b""), (post, b"abc"), (post, b"abc"), (request(), b"")):
            assert client.send(sent).read_answer()[0] == 200
            assert sent_on(upstream) == ["X-Application: app_1"]
            assert upstream.requests[-1].partition(b"\r\n\r\n")[2] == end


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Inner: 1\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nX-Inner: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
        (b"HTTP/1.1 204 No Content\r\nX-Inner: 1\r\n\r\n", b""),
    ],
    ids=["sized", "chunked", "none"],
)
def test_equal_answers_are_changed_alike(
    gateway: GatewayProcess, upstream: RawUpstream, answer: bytes, body: bytes
) -> None:
    upstream.script = answer_with(answer)
    heads = set()
    with RawClient(gateway.port) as client:
        for _ in range(3):
            status, head, received = client.send(request()).read_answer()
            assert (status, received) == (int(answer[9:12]), body)
            assert b"X-Inner" not in head
            assert b"Cache-Control: no-store" in head
            heads.add(b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith((b"X-Req", b"RateL"))))
    assert len(heads) == 1


def test_what_looks_at_the_request_is_done_to_each(gateway: GatewayProcess) -> None:
    with RawClient(gateway.port) as client:
        for method in ("GET", "POST", "GET"):
            _, head, _ = client.send(request(version="v2", method=method, more="Content-Length: 0\r\n")).read_answer()
            assert f"X-Method: {method}".encode() in head
