"""Services that speak HTTP/2, and break its rules: what callers of HTTP/1.1 get.

Promise R2.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from h2.connection import H2Connection
from hyperframe.frame import GoAwayFrame, HeadersFrame

from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.http2_service import OK, Script, Service, answer_ok
from tests.wire.raw import RawClient


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.close()


@pytest.fixture(scope="module")
def gateway_of(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    home = Home(tmp_path_factory.mktemp("http2-upstream"))
    home.install(make_snapshot([make_version(service.port, upstream={"http": {"version": "2"}})]))
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


@pytest.fixture(autouse=True)
def _fresh(service: Service) -> None:
    service.script = answer_ok
    service.requests.clear()


def ask(gateway: GatewayProcess, method: str = "GET", body: bytes = b"", *fields: str) -> tuple[int, bytes, bytes]:
    lines = [f"{method} /bank/v1/accounts HTTP/1.1", "Host: a", f"X-API-Key: {KEY}", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with RawClient(gateway.port) as client:
        client.send("\r\n".join([*lines, "", ""]).encode() + body)
        return client.read_answer(is_head=method == "HEAD")


def test_a_request_of_http_1_is_translated(service: Service, gateway_of: GatewayProcess) -> None:
    status, head, body = ask(gateway_of, "POST", b"hello", "X-Mixed: Case", "TE: trailers", "Connection: x-drop")

    assert (status, body) == (200, b"2\r\nok\r\n0\r\n\r\n")
    assert b"\r\ncontent-type: text/plain\r\n" in head
    fields, sent = service.requests[0]
    assert sent == b"hello"
    assert (fields[":method"], fields[":path"], fields[":scheme"]) == ("POST", "/accounts", "http")
    assert fields["x-mixed"] == "Case"
    assert fields["te"] == "trailers"
    assert not {"host", "connection", "transfer-encoding", "x-api-key"} & fields.keys()


def test_trailer_fields_of_a_request_end_its_stream(service: Service, gateway_of: GatewayProcess) -> None:
    service.trailers.clear()
    body = b"5\r\nhello\r\n0\r\nX-Sum: 7\r\nX-User: root\r\n\r\n"
    with RawClient(gateway_of.port) as client:
        lines = ["POST /bank/v1/accounts HTTP/1.1", "Host: a", f"X-API-Key: {KEY}", "Transfer-Encoding: chunked"]
        client.send("\r\n".join([*lines, "", ""]).encode() + body)
        assert client.read_answer()[0] == 200
    assert (service.requests[0][1], service.trailers) == (b"hello", [{"x-sum": "7"}])


def test_calls_share_one_connection(service: Service, gateway_of: GatewayProcess) -> None:
    before = service.connections
    assert [ask(gateway_of)[0] for _ in range(20)] == [200] * 20
    assert service.connections <= before + 1


def with_length(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, [*OK, ("content-length", "4")])
    h2.send_data(number, b"ab")
    h2.send_data(number, b"cd", end_stream=True)


def late_end(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, [(":status", "200"), ("content-length", "0")])
    h2.send_data(number, b"", end_stream=True)


def empty(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, [(":status", "204")], end_stream=True)


def only_head(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, OK, end_stream=True)


@pytest.mark.parametrize(
    ("script", "answer"),
    [(with_length, (200, b"abcd")), (late_end, (200, b"")), (empty, (204, b"")), (only_head, (200, b""))],
)
def test_answers_end_where_their_stream_does(
    service: Service, gateway_of: GatewayProcess, script: Script, answer: tuple[int, bytes]
) -> None:
    service.script = script
    for _ in range(3):
        status, _, body = ask(gateway_of)
        assert (status, body) == answer
    service.script = answer_ok
    assert ask(gateway_of)[0] == 200


def reset(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.reset_stream(number, 2)


def hang_up(_service: Service, peer: socket.socket, _h2: H2Connection, _number: int) -> None:
    peer.shutdown(socket.SHUT_RDWR)


def leave(_service: Service, peer: socket.socket, _h2: H2Connection, _number: int) -> None:
    peer.sendall(GoAwayFrame(0, last_stream_id=0).serialize())


def crlf(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, [*OK, ("x-a", "b\r\nx-b: c")], end_stream=True)


def no_status(_service: Service, peer: socket.socket, h2: H2Connection, number: int) -> None:
    block = h2.encoder.encode([("x-a", "b")])
    peer.sendall(HeadersFrame(number, block, flags=["END_HEADERS", "END_STREAM"]).serialize())


def two_lengths(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, [*OK, ("content-length", "2"), ("content-length", "3")])
    h2.send_data(number, b"ok", end_stream=True)


def connection_field(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
    h2.send_headers(number, [*OK, ("transfer-encoding", "chunked")], end_stream=True)


@pytest.mark.parametrize("script", [reset, hang_up, leave, crlf, no_status, two_lengths, connection_field])
def test_a_service_that_fails_costs_one_call(service: Service, gateway_of: GatewayProcess, script: Script) -> None:
    service.script = script
    status, _, body = ask(gateway_of, "POST", b"x")
    assert status == 502
    assert b'"code":"upstream-' in body
    service.script = answer_ok
    for _ in range(3):
        assert ask(gateway_of)[0] == 200


def test_a_service_of_http_1_is_told_from_one_of_http_2(gateway_of: GatewayProcess, service: Service) -> None:
    def speak_http_1(_service: Service, peer: socket.socket, _h2: H2Connection, _number: int) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    service.script = speak_http_1
    assert ask(gateway_of, "POST", b"x")[0] == 502


def test_an_early_answer_ends_the_call_and_not_the_service(service: Service, gateway_of: GatewayProcess) -> None:
    service.script = answer_ok
    large = b"z" * 500_000
    assert ask(gateway_of, "POST", large)[0] == 200
    assert service.requests[-1][1] == large


def test_answers_that_nobody_takes_leave_the_connection_its_window(
    service: Service, gateway_of: GatewayProcess
) -> None:
    def long(_service: Service, _peer: socket.socket, h2: H2Connection, number: int) -> None:
        h2.send_headers(number, OK)
        room = min(65_535, h2.local_flow_control_window(number))
        while room >= 16_384:
            h2.send_data(number, b"x" * 16_384)
            room -= 16_384

    service.script = long
    for _ in range(40):  # more than the window of a connection in all
        with RawClient(gateway_of.port) as client:
            client.send(f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode())
            client.socket.recv(100)
    service.script = answer_ok
    assert ask(gateway_of)[0] == 200
