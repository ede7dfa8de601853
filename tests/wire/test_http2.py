"""HTTP/2 on the listener, with curl, nghttp and h2load as peers."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.factories.certificates import authority
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.gateways import KEY, make_snapshot, make_version
from tests.wire.http2_client import Answered, HTTP2Client
from tests.wire.http2_stage import HOST, PATH, Stage
from tests.wire.raw import RawUpstream, answer_with
from tests.wire.tls_gateways import SealedHome, client_context, tls_gateway, with_edge, write_pem

REFUSED_STREAM = 7


def run(stage: Stage, tmp_path: Path, *command: str) -> bytes:
    trusted = write_pem(tmp_path, "ca.pem", stage.root.pem)
    filled = [part.format(port=stage.gateway.tls_port, ca=trusted) for part in command]
    return subprocess.run(filled, capture_output=True, timeout=PATIENCE_S, check=True).stdout


CURL = (
    "curl", "-sS", "--http2", "--cacert", "{ca}", "--resolve", HOST + ":{port}:127.0.0.1", "-H", f"X-API-Key: {KEY}",
    "-w", "|%{{http_version}}|%{{http_code}}", "https://" + HOST + ":{port}" + PATH,
)  # fmt: skip


def test_curl_gets_an_answer(stage: Stage, tmp_path: Path, upstream: RawUpstream) -> None:
    assert run(stage, tmp_path, *CURL) == b"ok|2|200"
    assert upstream.requests[0].startswith(b"GET /accounts HTTP/1.1\r\n")


def test_curl_sends_a_body(stage: Stage, tmp_path: Path, upstream: RawUpstream) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 300_000)
    assert run(stage, tmp_path, *CURL, "--data-binary", f"@{body}") == b"ok|2|200"
    assert upstream.requests[0].endswith(b"x" * 300_000)


def test_curl_reads_a_long_answer(stage: Stage, tmp_path: Path, upstream: RawUpstream) -> None:
    long = b"y" * 3_000_000
    upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(long) + long)
    assert run(stage, tmp_path, *CURL) == long + b"|2|200"


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="nghttp is not installed")
def test_nghttp_is_served_on_many_streams(stage: Stage, tmp_path: Path, upstream: RawUpstream) -> None:
    shown = run(
        stage, tmp_path, "nghttp", "-v", "-m", "30", "-H", f"X-API-Key: {KEY}", "-H", f":authority: {HOST}",
        "https://127.0.0.1:{port}" + PATH,
    )  # fmt: skip
    # Without SNI, which has no addresses, the Host alone says where to.
    assert shown.count(b":status: 200") == 30
    assert len(upstream.requests) == 30


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
def test_h2load_finds_no_failure(stage: Stage, tmp_path: Path) -> None:
    shown = run(
        stage, tmp_path, "h2load", "-n", "600", "-c", "6", "-m", "20", "-H", f"X-API-Key: {KEY}",
        "-H", f":authority: {HOST}", "https://127.0.0.1:{port}" + PATH,
    )  # fmt: skip
    assert b"600 succeeded, 0 failed, 0 errored" in shown


def test_an_answer_is_translated(stage: Stage, upstream: RawUpstream) -> None:
    upstream.script = answer_with(
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-Mixed: A\r\nConnection: keep-alive\r\n\r\n"
        b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    )
    with stage.client() as client:
        answer = client.answer(client.head())

    assert (answer.status, answer.body) == (201, b"abcdefg")
    assert answer.fields["x-mixed"] == "A"
    assert answer.fields["strict-transport-security"] == "max-age=60"
    assert not {"connection", "transfer-encoding", "keep-alive"} & answer.fields.keys()


@pytest.mark.parametrize(
    ("method", "content", "status"),
    [
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n", 304),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 200 OK\r\n\r\n", 200),
    ],
)
def test_an_answer_without_a_body_ends_with_its_head(
    stage: Stage, upstream: RawUpstream, method: str, content: bytes, status: int
) -> None:
    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(content)
        return b"Content-Length" in content or status != 200

    upstream.script = script
    with stage.client() as client:
        head = client.head(method=method) if method == "GET" else client.head("/bank/v1/users/me", method)
        answer = client.answer(head)
        again = client.answer(client.head("/bank/v1/nothing"))

    assert (answer.status, answer.body, answer.is_ended) == (status if method == "GET" else answer.status, b"", True)
    assert again.status == 404


def test_cookies_are_joined_and_the_hop_is_told(stage: Stage, upstream: RawUpstream) -> None:
    with stage.client() as client:
        more = [("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"), ("x-forwarded-for", "9.9.9.9")]
        assert client.answer(client.head(more=more)).status == 200
    request = upstream.requests[0].lower()

    assert b"\r\ncookie: a=1; b=2\r\n" in request
    assert b"\r\nx-forwarded-for: 127.0.0.1\r\n" in request
    assert b"\r\nx-forwarded-proto: https\r\n" in request
    assert b"\r\nte:" not in request


def test_a_body_without_length_goes_on_in_chunks(stage: Stage, upstream: RawUpstream) -> None:
    with stage.client() as client:
        assert client.answer(client.head(method="POST"), b"hello").status == 200
        assert client.answer(client.head(method="POST", more=[("content-length", "5")]), b"hello").status == 200

    assert b"transfer-encoding: chunked" in upstream.requests[0].lower()
    assert upstream.requests[0].endswith(b"5\r\nhello\r\n0\r\n\r\n")
    assert upstream.requests[1].endswith(b"\r\n\r\nhello")


def test_trailer_fields_of_a_request_go_on_but_for_those_that_may_not(stage: Stage, upstream: RawUpstream) -> None:
    upstream.begin()
    with stage.client() as client:
        number = client.request(client.head(method="POST"), b"hello", is_whole=False)
        trailers = [("x-sum", "7"), ("x-api-key", "k"), ("x-user", "root"), ("cookie", "a=b"), ("content-length", "9")]
        client.h2.send_headers(number, trailers, end_stream=True)
        client.flush()
        client.read(lambda: client.answers[number].is_over)
        assert client.answers[number].status == 200
    (request,) = upstream.requests
    assert request.endswith(b"5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n")


def test_who_expects_a_word_before_sending_gets_it(stage: Stage) -> None:
    with stage.client() as client:
        number = client.h2.get_next_available_stream_id()
        answer = client.answers[number] = Answered()
        client.h2.send_headers(number, client.head(method="POST", more=[("expect", "100-continue")]))
        client.flush()
        client.read(lambda: bool(answer.interim))
        client.h2.send_data(number, b"hello", end_stream=True)
        client.flush()
        client.read(lambda: answer.is_over)

    assert (answer.interim, answer.status) == ([100], 200)


def test_refusals_are_problems_and_end_only_their_stream(stage: Stage, upstream: RawUpstream) -> None:
    with stage.client() as client:
        without_key = client.answer([pair for pair in client.head() if pair[0] != "x-api-key"])
        too_large = client.answer(
            client.head(method="POST", more=[("content-length", str(2**21))]), b"", is_whole=False
        )
        sound = client.answer(client.head())

    assert without_key.status == 401
    assert b'"code":"unauthenticated"' in without_key.body
    assert too_large.status == 413
    assert sound.status == 200
    assert len(upstream.requests) == 1


def test_another_host_on_the_same_connection_is_misdirected(stage: Stage) -> None:
    with stage.client() as client:
        fields = [(name, "other.example.com" if name == ":authority" else value) for name, value in client.head()]
        assert client.answer(fields).status == 421
        assert client.answer(client.head()).status == 200


def test_who_takes_nothing_holds_the_upstream_back_and_nobody_else(stage: Stage, upstream: RawUpstream) -> None:
    sent = []

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.settimeout(2)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        with suppress(OSError):
            for _ in range(1000):
                peer.sendall(b"z" * 100_000)
                sent.append(100_000)
        return False

    upstream.script = script
    with stage.client(acknowledges=False) as client:
        number = client.request(client.head())
        wait_until(lambda: not client.read(lambda: len(client.answers[number].body) >= 60_000), "a window is filled")
        upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        with stage.client() as other:
            assert other.answer(other.head()).status == 200
        assert sum(sent) < 20_000_000  # what sockets and buffers hold, not what the upstream has


def test_an_abandoned_stream_is_abandoned_upstream(stage: Stage, upstream: RawUpstream) -> None:
    closed = []

    def script(peer: socket.socket, _request: bytes) -> bool:
        closed.append(peer.recv(1) == b"")
        return False

    upstream.script = script
    with stage.client() as client:
        number = client.request(client.head())
        wait_until(lambda: bool(upstream.requests), "the request arrives")
        client.h2.reset_stream(number, 8)
        client.flush()
        wait_until(lambda: bool(closed), "the upstream's connection ends")
        upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.answer(client.head()).status == 200


def test_bodies_of_abandoned_streams_leave_the_connection_its_window(stage: Stage) -> None:
    with stage.client() as client:
        for _ in range(80):
            client.read(lambda: client.h2.outbound_flow_control_window >= 16_384)
            number = client.h2.get_next_available_stream_id()
            client.h2.send_headers(number, client.head(method="POST"))
            client.h2.send_data(number, b"x" * 16_384)
            client.h2.reset_stream(number, 8)
            client.flush()  # at once: the gateway has no connection for the body yet, and holds it back
        assert client.answer(client.head()).status == 200


def test_an_answer_that_breaks_off_resets_its_stream(stage: Stage, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        return False

    upstream.script = script
    with stage.client() as client:
        broken = client.answer(client.head())
        upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        whole = client.answer(client.head())

    assert (broken.status, broken.is_ended, broken.reset) == (200, False, 2)
    assert whole.status == 200


def test_http_1_is_spoken_with_who_does_not_offer_more(stage: Stage, tmp_path: Path) -> None:
    command = [part if part != "--http2" else "--http1.1" for part in CURL]
    assert run(stage, tmp_path, *command) == b"ok|1.1|200"


def test_trailers_of_a_service_come_after_its_answer(stage: Stage, upstream: RawUpstream) -> None:
    upstream.script = answer_with(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\n"
        b"X-Sum: 7\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\n\r\n"
    )
    with stage.client() as client:
        for _ in range(2):
            answer = client.answer(client.head())
            assert (answer.status, answer.body, answer.trailers) == (200, b"ok", {"x-sum": "7"})


def test_a_gateway_that_stops_finishes_what_is_under_way(upstream: RawUpstream, tmp_path: Path) -> None:
    home = SealedHome(tmp_path / "home")
    root = authority()
    home.install(
        with_edge(make_snapshot([make_version(upstream.port)]), [home.certificate("public", root.issue(HOST), [HOST])])
    )
    is_stopping = threading.Event()

    def script(peer: socket.socket, _request: bytes) -> bool:
        is_stopping.wait(PATIENCE_S)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast")
        return True

    with tls_gateway(home) as gateway, HTTP2Client(gateway.tls_port, client_context(root), HOST) as client:
        upstream.script = script
        number = client.request(client.head())
        wait_until(lambda: bool(upstream.requests), "the request arrives")
        gateway.process.process.terminate()
        client.read(lambda: client.goaway >= 0)
        is_stopping.set()
        # After a GOAWAY the library takes no more frames; the bytes are looked at as they are.
        received = b""
        with suppress(OSError):
            while data := client.socket.recv(65_536):
                received += data

    assert client.goaway == 0
    assert number == 1
    assert b"last" in received or client.answers[number].body == b"last"


def test_streams_count_towards_the_bound_of_connections(upstream: RawUpstream, tmp_path: Path) -> None:
    home = SealedHome(tmp_path / "home")
    root = authority()
    home.install(
        with_edge(make_snapshot([make_version(upstream.port)]), [home.certificate("public", root.issue(HOST), [HOST])])
    )
    upstream.script = lambda _peer, _request: True  # never answers
    with (
        tls_gateway(home, options=("--max-connections", "5")) as gateway,
        HTTP2Client(gateway.tls_port, client_context(root), HOST) as client,
    ):
        numbers = [client.request(client.head()) for _ in range(8)]
        client.read(lambda: client.answers[numbers[-1]].is_over)

    assert [client.answers[number].reset for number in numbers] == [-1] * 5 + [REFUSED_STREAM] * 3
