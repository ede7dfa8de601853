"""HTTP/2 clients that smuggle and flood (promises R1, R2, H7, H8)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, HeadersFrame, PingFrame, RstStreamFrame

from tests.wire.http2_client import Fields, HTTP2Client
from tests.wire.http2_stage import HOST, PATH, Stage
from tests.wire.raw import RawUpstream

PROTOCOL_ERROR, ENHANCE_YOUR_CALM = 1, 11


def smuggled(client: HTTP2Client) -> dict[str, Fields]:
    sound = client.head()

    def changed(name: str, value: str) -> Fields:
        return [(each, value if each == name else before) for each, before in sound]

    evil = "a HTTP/1.1\r\nHost: x\r\n\r\nGET /bank/v1/closed"
    return {
        "crlf in path": changed(":path", PATH + evil),
        "space in path": changed(":path", PATH + " HTTP/1.1"),
        "no slash": changed(":path", "bank/v1/accounts"),
        "absolute path": changed(":path", "http://other/bank/v1/accounts"),
        "empty path": changed(":path", ""),
        "star": changed(":path", "*"),
        "crlf in method": changed(":method", "GET / HTTP/1.1\r\nX: y"),
        "space in method": changed(":method", "GET /x"),
        "connect": changed(":method", "CONNECT"),
        "crlf in authority": changed(":authority", "a\r\nX: y"),
        "userinfo": changed(":authority", f"user@{HOST}"),
        "scheme": changed(":scheme", "ftp"),
        "crlf in value": [*sound, ("x-a", "b\r\nx-c: d")],
        "lf in value": [*sound, ("x-a", "b\nx-c: d")],
        "nul in value": [*sound, ("x-a", "b\0")],
        "space around value": [*sound, ("x-a", " b")],
        "crlf in name": [*sound, ("x-a: b\r\nx-c", "d")],
        "colon in name": [*sound, ("x-a:", "d")],
        "space in name": [*sound, ("x a", "d")],
        "capital in name": [*sound, ("X-Upper", "d")],
        "empty name": [*sound, ("", "d")],
        "transfer-encoding": [*sound, ("transfer-encoding", "chunked")],
        "connection": [*sound, ("connection", "close")],
        "keep-alive": [*sound, ("keep-alive", "1")],
        "proxy-connection": [*sound, ("proxy-connection", "close")],
        "upgrade": [*sound, ("upgrade", "websocket")],
        "te": [*sound, ("te", "gzip")],
        "two hosts": [*sound, ("host", "other.example.com")],
        "length without body": [*sound, ("content-length", "5")],
        "two lengths": [*sound, ("content-length", "0"), ("content-length", "0")],
        "signed length": [*sound, ("content-length", "+0")],
        "pseudo after field": [*sound, (":path", PATH)],
        "unknown pseudo": [(":proto", "x"), *sound],
        "status": [(":status", "200"), *sound],
        "doubled path": [(":path", "/x"), *sound],
        "no path": [pair for pair in sound if pair[0] != ":path"],
        "no method": [pair for pair in sound if pair[0] != ":method"],
        "no scheme": [pair for pair in sound if pair[0] != ":scheme"],
        "no authority": [pair for pair in sound if pair[0] != ":authority"],
    }


@pytest.fixture(scope="module")
def kinds(stage: Stage) -> list[str]:
    with stage.client() as client:
        return sorted(smuggled(client))


def test_nothing_is_smuggled_through_a_head(stage: Stage, upstream: RawUpstream, kinds: list[str]) -> None:
    wrong = []
    for kind in kinds:
        with stage.client() as client:
            answer = client.answer(smuggled(client)[kind])
            is_refused = PROTOCOL_ERROR in (answer.reset, client.goaway) or answer.status == 400
            if not is_refused or upstream.requests:
                wrong.append((kind, answer, client.goaway, list(upstream.requests)))
                upstream.requests.clear()

    assert not wrong


@pytest.mark.parametrize("sent", [4, 6])
def test_a_body_of_another_length_than_said_is_not_whole(stage: Stage, upstream: RawUpstream, sent: int) -> None:
    with stage.client() as client:
        answer = client.answer(client.head(method="POST", more=[("content-length", "5")]), b"x" * sent)
        assert PROTOCOL_ERROR in (client.goaway, answer.reset) or answer.status >= 400

    assert not any(request.endswith(b"x" * sent) for request in upstream.requests)


def test_a_flood_of_resets_is_sent_away(stage: Stage) -> None:
    with stage.client() as client:
        block = client.h2.encoder.encode(client.head())
        for number in range(1, 4001, 2):
            frame = HeadersFrame(number, block, flags=["END_HEADERS", "END_STREAM"])
            try:
                client.socket.sendall(frame.serialize() + RstStreamFrame(number, error_code=8).serialize())
            except OSError:
                break
        with suppress(OSError):
            client.read(lambda: client.goaway >= 0)
        assert client.goaway in (ENHANCE_YOUR_CALM, -1)  # a cut connection may swallow the word
    with stage.client() as client:
        assert client.answer(client.head()).status == 200


def test_a_flood_of_what_must_be_reset_is_sent_away(stage: Stage) -> None:
    """Whoever has the gateway do the resets saves nothing (CVE-2025-8671)."""
    with stage.client() as client, suppress(OSError):
        count = 0
        while client.goaway < 0 and count < 2000:
            number = client.request(client.head(method="POST"), b"", is_whole=False)
            client.h2.send_headers(number, [("x(end)", "1")], end_stream=True)
            client.flush()
            client.read(lambda: client.answers[number].is_over or client.goaway >= 0)  # noqa: B023 - used at once
            count += 1
        assert client.goaway == ENHANCE_YOUR_CALM
    with stage.client() as client:
        assert client.answer(client.head()).status == 200


def test_a_flood_of_pings_is_sent_away(stage: Stage) -> None:
    with stage.client() as client:
        with suppress(OSError):
            client.socket.sendall(PingFrame(0, opaque_data=b"12345678").serialize() * 2000)
            client.read(lambda: client.goaway >= 0)
        assert client.goaway in (ENHANCE_YOUR_CALM, -1)


def test_endless_continuations_and_header_lists_are_cut_off(stage: Stage) -> None:
    with stage.client() as client:
        with suppress(OSError):
            client.socket.sendall(HeadersFrame(1, b"").serialize())
            for _ in range(5000):
                client.socket.sendall(ContinuationFrame(1, b"\0\1a\1b" * 200).serialize())
        client.read(lambda: client.goaway >= 0)
        assert client.goaway != 0
    with stage.client() as client:
        answer = client.answer(client.head(more=[(f"x-{number}", "v" * 1000) for number in range(80)]))
        assert client.goaway > 0 or answer.status in (400, 431)


def test_more_streams_than_granted_are_refused(stage: Stage, upstream: RawUpstream) -> None:
    upstream.script = lambda _peer, _request: True  # never answers
    with stage.client() as client:
        client.read(lambda: client.h2.remote_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS) == 100)
        block = client.h2.encoder.encode(client.head())
        for number in range(1, 205, 2):
            client.socket.sendall(HeadersFrame(number, block, flags=["END_HEADERS", "END_STREAM"]).serialize())
        client.read(lambda: client.goaway >= 0)
        assert client.goaway > 0
