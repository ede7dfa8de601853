"""What HTTP/1.1 lets clients and upstreams do, and what the gateway adds to it.

Promises H5.
"""

from __future__ import annotations

import socket
import time

import pytest

from tests.wire.gateways import KEY, GatewayProcess
from tests.wire.raw import OK, RawClient, RawUpstream, answer_with

HEAD = f"Host: api.example.com\r\nX-API-Key: {KEY}\r\n".encode()


def get(path: str = "/bank/v1/accounts", extra: str = "", method: str = "GET", version: str = "1.1") -> bytes:
    """A request with a valid key."""
    return f"{method} {path} HTTP/{version}\r\n".encode() + HEAD + extra.encode() + b"\r\n"


def test_upstream_gets_neither_the_key_nor_fields_of_this_hop(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    extra = (
        "Connection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
        "Proxy-Authorization: x\r\n"
        "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
        "X-User-ID: admin\r\nX-Consumer-Id: admin\r\n"
        "X-HTTP-Method-Override: DELETE\r\nX-Request-Id: mine-1\r\nAccept: */*\r\nAuthorization: Basic abc\r\n"
    )
    with RawClient(gateway.port) as client:
        status, head, _ = client.send(get(extra=extra)).read_answer()
    request = upstream.requests[0].lower()
    assert status == 200
    assert b"connection: close" in head.lower()
    for absent in (
        KEY.lower().encode(),
        b"x-api-key",
        b"x-mine",
        b"keep-alive",
        b"te:",
        b"upgrade",
        b"6.6.6.6",
        b"user-id",
        b"consumer",
        b"override",
        b"mine-1",
        b"traceparent",  # this gateway sends no spans: whether to begin a trace is for the service to say
    ):
        assert absent not in request
    for present in (
        b"accept: */*",
        b"authorization: basic abc",
        b"x-forwarded-for: 127.0.0.1",
        b"x-forwarded-host: api.example.com",
        b"via: 1.1 apim-",
    ):
        assert present in request


def test_bearer_key_is_read_and_not_forwarded(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        client.send(f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
        assert client.read_answer()[0] == 200
    assert b"authorization" not in upstream.requests[0].lower()


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\n\r\n", 401, b"unauthenticated"),
        (b"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: apim_live_wrong\r\n\r\n", 401, b"unauthenticated"),
        (get("/bank/v1/closed"), 403, b"no-subscription"),
        (get("/bank/v1/nowhere"), 404, b"not-found"),
        (get("/other/v1/accounts"), 404, b"not-found"),
        (get("/bank/v3/accounts"), 410, b"retired"),
    ],
)
def test_refusals_are_problems_with_code_and_request_id(
    gateway: GatewayProcess, request_bytes: bytes, status: int, code: bytes
) -> None:
    with RawClient(gateway.port) as client:
        found, head, body = client.send(request_bytes).read_answer()
        assert found == status
        assert b'"code":"' + code + b'"' in body
        assert b'"request_id":"' in body
        assert b"application/problem+json" in head
        assert client.send(get()).read_answer()[0] == 200  # the connection is as good as before


def test_unknown_method_names_those_allowed(gateway: GatewayProcess) -> None:
    with RawClient(gateway.port) as client:
        status, head, _ = client.send(get(method="DELETE")).read_answer()
    assert status == 405
    assert b"Allow: GET, HEAD, POST" in head


def test_deprecated_version_says_so(gateway: GatewayProcess) -> None:
    with RawClient(gateway.port) as client:
        status, head, _ = client.send(get("/bank/v2/accounts")).read_answer()
    assert status == 200
    assert b"Deprecation: @1767225600" in head
    assert b"Sunset: Wed, 01 Jul 2026 00:00:00 GMT" in head
    assert b'Link: </bank/v1>; rel="successor-version"' in head


def test_concrete_path_wins_over_parameter(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        assert client.send(get("/bank/v1/users/me")).read_answer()[0] == 200
        assert client.send(get("/bank/v1/users/7?x=%2F")).read_answer()[0] == 200
    assert upstream.requests[1].startswith(b"GET /users/7?x=%2F HTTP/1.1")


def test_preflight_is_answered_by_the_gateway(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    preflight = (
        b"OPTIONS /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n"
        b"Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-api-key\r\n\r\n"
    )
    with RawClient(gateway.port) as client:
        status, head, _ = client.send(preflight).read_answer()
        assert status == 204
        assert b"Access-Control-Allow-Origin: https://app.example.com" in head
        assert b"Access-Control-Allow-Headers: x-api-key" in head
        status, head, _ = client.send(get(extra="Origin: https://app.example.com\r\n")).read_answer()
        assert b"Access-Control-Allow-Origin: https://app.example.com" in head
    assert len(upstream.requests) == 1


def test_pipelined_requests_are_answered_in_order(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, request: bytes) -> bool:
        number = request.split(b" ")[1].rpartition(b"/")[2]
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(number), number))
        return True

    upstream.script = script
    with RawClient(gateway.port) as client:
        client.send(b"".join(get(f"/bank/v1/users/{number}") for number in range(20)))
        assert [client.read_answer()[2] for _ in range(20)] == [b"%d" % number for number in range(20)]


def test_head_204_and_304_have_no_body(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        status, head, _ = client.send(get(method="HEAD")).read_answer(is_head=True)
        assert (status, b"Content-Length: 5000" in head) == (200, True)
        for answer in (b"HTTP/1.1 204 No Content\r\n\r\n", b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'):
            upstream.script = answer_with(answer)
            assert client.send(get()).read_answer()[0] in (204, 304)
        upstream.script = answer_with(OK)
        assert client.send(get()).read_answer()[2] == b"ok"


def test_http_1_0_client_gets_a_body_ended_by_close(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with RawClient(gateway.port) as client:
        answer = client.send(get(version="1.0")).read_to_end()
    assert answer.endswith(b"\r\n\r\nabcde")
    assert b"Transfer-Encoding" not in answer


def test_client_that_closed_its_side_still_gets_the_answer(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, _request: bytes) -> bool:
        time.sleep(0.2)
        peer.sendall(OK)
        return True

    upstream.script = script
    with RawClient(gateway.port) as client:
        client.send(get())
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_answer()[2] == b"ok"
        assert client.read_to_end() == b""


def test_expecting_client_is_told_to_continue(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        client.send(get(method="POST", extra="Expect: 100-continue\r\nContent-Length: 5\r\n"))
        assert client.read_answer()[0] == 100
        assert client.send(b"hello").read_answer()[0] == 200
    assert upstream.requests[0].endswith(b"hello")
    assert b"Expect" not in upstream.requests[0]


def test_upstream_connection_is_used_again(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        client.send(get()).read_answer()
        before = upstream.connections
        for _ in range(20):
            client.send(get()).read_answer()
    assert upstream.connections == before


def test_stale_upstream_connection_is_replaced_without_an_error(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def close_on_second(peer: socket.socket, request: bytes) -> bool:
        peer.sendall(OK)
        return b"/users/last" not in request

    upstream.script = close_on_second
    with RawClient(gateway.port) as client:
        for _ in range(10):
            assert client.send(get("/bank/v1/users/last")).read_answer()[0] == 200


def test_nothing_tells_where_the_upstream_lives(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    address = f"127.0.0.1:{upstream.port}"
    upstream.script = answer_with(
        f"HTTP/1.1 302 Found\r\nLocation: http://{address}/accounts/7?a=1\r\n"
        f'Link: <http://{address}/accounts?page=2>; rel="next"\r\n'
        f"Content-Location: /accounts/7\r\nSet-Cookie: a=b; Domain=127.0.0.1; Path=/accounts; HttpOnly\r\n"
        "Server: internal/1.0\r\n"
        f"Via: 1.1 inner-{address}\r\nX-Backend: {address}\r\n"
        f"Refresh: 5; url=http://{address}/accounts\r\nContent-Length: 0\r\n\r\n".encode()
    )
    with RawClient(gateway.port) as client:
        status, head, _ = client.send(get()).read_answer()
    assert status == 302
    assert address.encode() not in head
    assert b"127.0.0.1" not in head
    for present in (
        b"Location: /bank/v1/accounts/7?a=1",
        b"Link: </bank/v1/accounts?page=2>",
        b"Path=/bank/v1/accounts",
        b"5; url=/bank/v1/accounts",
    ):
        assert present in head
    assert b"internal" not in head
