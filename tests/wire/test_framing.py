"""Requests that two readers could read differently never reach an upstream.

Promises R1, R2, H1, H2, H3, H4, H6, H10, H14.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.wire.gateways import KEY, GatewayProcess
from tests.wire.raw import RawClient, RawUpstream

HEAD = f"Host: api.example.com\r\nX-API-Key: {KEY}\r\n".encode()
POST = b"POST /bank/v1/accounts HTTP/1.1\r\n" + HEAD
GET = b"GET /bank/v1/accounts HTTP/1.1\r\n" + HEAD

AMBIGUOUS = {
    "length and coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding with an empty element": POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "two equal lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "length +10": POST + b"Content-Length: +10\r\n\r\n0123456789",
    "length 0x10": POST + b"Content-Length: 0x10\r\n\r\n0123456789abcdef",
    "length 1_0": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "length -1": POST + b"Content-Length: -1\r\n\r\n",
    "empty length": POST + b"Content-Length:\r\n\r\n",
    "space before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "bare CR in a value": GET + b"X-A: a\rb\r\n\r\n",
    "bare LF in a value": GET + b"X-A: a\nX-B: b\r\n\r\n",
    "bare LF as line end": b"GET /bank/v1/accounts HTTP/1.1\nHost: x\n\n",
    "NUL in a value": GET + b"X-A: a\0b\r\n\r\n",
    "folded line": GET + b"X-A: a\r\n b\r\n\r\n",
    "field without a name": GET + b": x\r\n\r\n",
    "no colon": GET + b"nonsense\r\n\r\n",
    "two hosts": GET + b"Host: other\r\n\r\n",
    "no host": b"GET /bank/v1/accounts HTTP/1.1\r\n\r\n",
    "bad host": b"GET /bank/v1/accounts HTTP/1.1\r\nHost: a b\r\n\r\n",
    "two spaces in the request line": b"GET  /bank/v1/accounts HTTP/1.1\r\n" + HEAD + b"\r\n",
    "unknown version": b"GET /bank/v1/accounts HTTP/1.2\r\n" + HEAD + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "authority form": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "expectation with a prefix": POST + b"Expect: y 100-continue\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_request_is_refused_and_the_connection_closed(
    gateway: GatewayProcess, upstream: RawUpstream, name: str
) -> None:
    with RawClient(gateway.port) as client:
        client.send(AMBIGUOUS[name] + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answers = client.read_to_end()
    assert answers.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b'"code":"bad-request"' in answers
    assert upstream.requests == []


@pytest.mark.parametrize(
    "chunks",
    [
        b"0_2e\r\n",
        b"-0\r\n\r\n",
        b"5\r\r;x\r\nhello\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhelloX0\r\n\r\n",
        b"5;" + b"x" * 2**20,
        b"fffffffffffffffff\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_malformed_chunk_ends_the_connection_without_a_second_answer(
    gateway: GatewayProcess, upstream: RawUpstream, chunks: bytes
) -> None:
    with RawClient(gateway.port) as client:
        with suppress(ConnectionError):  # refused before all of it was sent
            client.send(
                POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
            )
        answers = client.read_to_end()
    assert answers.count(b"HTTP/1.1 ") <= 1
    assert not answers or answers.startswith(b"HTTP/1.1 400")
    assert not any(b"smuggled" in request for request in upstream.requests)


def test_forwarded_body_has_its_framing_written_anew(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        client.send(POST + b"Transfer-Encoding: Chunked\r\n\r\n5;name=value\r\nhello\r\n0\r\nX-Trailer: x\r\n\r\n")
        assert client.read_answer()[0] == 200
    # One that was cut off in an earlier test may be noted only now.
    body = b"\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: x\r\n\r\n"
    (request,) = (found for found in upstream.requests if found.endswith(body))
    assert request.count(b"Transfer-Encoding: chunked") == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/bank//v1/./accounts", 200),
        (b"/bank/v1/%61ccounts", 200),
        (b"/bank/v1/x/../accounts", 200),
        (b"/bank/v1/x/%2e%2e/accounts", 200),
        (b"/bank/v1/accounts%2f1", 400),
        (b"/bank/v1/accounts/%00", 400),
        (b"/bank/v1/accounts/%c0%af", 400),
        (b"/../bank/v1/accounts", 400),
        (b"/bank/v1/accounts/..;x/", 400),
        (b"/bank/v1/accounts\\1", 400),
        (b"/bank/v1/acc%ounts", 400),
        (b"/bank/v1/accounts/%5c", 400),
        (b"http://api.example.com/bank/v1/accounts", 200),
        (b"/bank/v1/accounts#x", 400),
    ],
)
def test_one_canonical_path_is_matched_and_forwarded(
    gateway: GatewayProcess, upstream: RawUpstream, path: bytes, status: int
) -> None:
    with RawClient(gateway.port) as client:
        client.send(b"GET " + path + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert client.read_answer()[0] == status
    if status == 200:
        assert upstream.requests[0].startswith(b"GET /accounts HTTP/1.1\r\n")
    else:
        assert upstream.requests == []


def test_limits_of_the_head_hold_before_anything_is_kept(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(gateway.port) as client:
        client.send(GET + b"X-Big: " + b"x" * 70_000)
        assert client.read_answer()[0] == 431
    with RawClient(gateway.port) as client:
        client.send(GET + b"".join(b"X-%d: 1\r\n" % number for number in range(300)) + b"\r\n")
        assert client.read_answer()[0] == 431
    with RawClient(gateway.port) as client:
        client.send(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert client.read_answer()[0] == 414
    with RawClient(gateway.port) as client:
        client.send(POST + b"Content-Length: 2147483648\r\n\r\n")
        status, _, body = client.read_answer()
    assert (status, b'"code":"body-too-large"' in body) == (413, True)
    assert upstream.requests == []


@pytest.mark.parametrize("path", ["/users/me;x=1", "/users/me;", "/users;x/me", "/users%3B/me"])
def test_concrete_path_in_disguise_is_no_parameter(gateway: GatewayProcess, upstream: RawUpstream, path: str) -> None:
    """Many upstreams read `me;x=1` as `me`: the product that opens /users/{id} would open /users/me."""
    with RawClient(gateway.port) as client:
        client.send(f"GET /bank/v1{path} HTTP/1.1\r\n".encode() + HEAD + b"\r\n")
        assert client.read_answer()[0] == 404
    assert upstream.requests == []


@pytest.mark.parametrize("path", ["/users/7;x=1", "/users/a%3Ab", "/users/me%3Bx", "/users/me2"])
def test_parameter_keeps_what_it_holds(gateway: GatewayProcess, upstream: RawUpstream, path: str) -> None:
    with RawClient(gateway.port) as client:
        client.send(f"GET /bank/v1{path} HTTP/1.1\r\n".encode() + HEAD + b"\r\n")
        assert client.read_answer()[0] == 200
    assert upstream.requests[0].startswith(f"GET {path} ".encode())
