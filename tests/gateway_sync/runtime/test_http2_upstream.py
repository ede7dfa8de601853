"""What goes wrong with one call of a shared connection to a service stays with that call.

Promise R1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from gateway_sync.runtime.core.public_links import PublicLinks
from gateway_sync.runtime.core.response_head import AnswerLines
from gateway_sync.runtime.http2_seat import Seat
from gateway_sync.runtime.http2_upstream import HTTP2Upstream
from gateway_sync.runtime.upstream import UpstreamConnection
from gateway_sync.runtime.upstream_pool import Pool
from gateway_sync.runtime.upstream_tls import Dialed
from tests.gateway_sync.runtime.wires import Wire

if TYPE_CHECKING:
    import asyncio

    from gateway_sync.messages import ResponseHead


class Caller:
    """Who waits for an answer; fails where it is told to."""

    is_head = False
    is_upload_complete = True

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.answer_lines = AnswerLines(PublicLinks(b"/bank/v1", ()))
        self.told: list[str] = []

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what == self.fails_at:
            raise ZeroDivisionError(what)

    def on_answer(self, _head: ResponseHead, _body: bytes, *, is_complete: bool) -> None:
        self._note("end" if is_complete else "answer")

    def on_content(self, _body: bytes, *, is_complete: bool) -> None:
        self._note("end" if is_complete else "content")

    def on_failure(self, _code: str, *, is_stale: bool) -> None:
        self._note("failure")

    def on_upload_paused(self, *, is_paused: bool) -> None:
        self._note("pause")

    def on_bug(self, error: Exception) -> None:
        assert isinstance(error, ZeroDivisionError)
        self.told.append("bug")


class Shared:
    """A connection to a service that a test plays, and the calls on it."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.carrier = HTTP2Upstream()
        self.carrier.connection_made(cast("asyncio.Transport", self.wire))
        loose = {"validate_outbound_headers": False, "normalize_outbound_headers": False}
        self.service = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1", **loose))
        self.service.initiate_connection()
        self.numbers: list[int] = []
        self._pool = Pool(("127.0.0.1", 1), Dialed(), 0.0)

    def call(self, caller: Caller, body: bytes = b"") -> None:
        connection = UpstreamConnection(self._pool)
        connection.connection_made(Seat(self.carrier, connection).as_transport())
        connection.receiver = caller  # type: ignore[assignment]  # it has what is needed here
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        connection.transport.write(b"GET /a HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + body)
        self.talk()

    def talk(self) -> None:
        """Carry what was written to the other side, both ways."""
        written, self.wire.written = self.wire.written, b""
        for event in self.service.receive_data(written):
            if isinstance(event, RequestReceived):
                self.numbers.append(event.stream_id or 0)
        if data := self.service.data_to_send():
            self.carrier.data_received(data)

    def answer(self, number: int, pieces: int = 2) -> None:
        self.service.send_headers(number, [(":status", "200"), ("content-length", str(2 * pieces))])
        for piece in range(pieces):
            self.service.send_data(number, b"ok", end_stream=piece == pieces - 1)
        self.talk()


@pytest.mark.parametrize("fails_at", ["answer", "content", "end"])
def test_a_bug_at_one_answer_ends_that_call_alone(fails_at: str) -> None:
    shared, broken, other = Shared(), Caller(fails_at), Caller()
    shared.call(broken)
    shared.call(other)
    shared.answer(shared.numbers[0], pieces=3)
    assert broken.told[-2:] == [fails_at, "bug"]
    shared.answer(shared.numbers[1], pieces=3)
    assert other.told[-1] == "end"
    assert not shared.wire.is_closed
    following = Caller()
    shared.call(following)
    shared.answer(shared.numbers[2])
    assert following.told[-1] == "end"


def test_a_bug_while_bodies_go_on_ends_that_call_alone() -> None:
    shared, broken, other = Shared(), Caller("pause"), Caller()
    shared.call(broken, b"x" * 70_000)  # the service's window takes less
    shared.call(other)
    (seat,) = (seat for seat in shared.carrier.seats if seat.number == shared.numbers[0])
    seat.output += b"x" * 100_000
    shared.service.increment_flow_control_window(10, shared.numbers[0])
    shared.talk()
    assert broken.told == ["pause", "bug"]
    shared.answer(shared.numbers[1])
    assert other.told[-1] == "end"


def test_a_bug_at_the_end_of_a_connection_keeps_no_other_call_from_being_told() -> None:
    shared = Shared()
    callers = [Caller("failure"), Caller("failure"), Caller("failure")]
    for caller in callers:
        shared.call(caller)
    shared.carrier.connection_lost(None)
    assert [caller.told[0] for caller in callers] == ["failure"] * 3
    assert not shared.carrier.seats


@pytest.mark.parametrize(
    "fields",
    [
        [(":status", "200"), ("x-a", "b\r\nx-b: c")],
        [(":status", "200"), ("X-Upper", "b")],
        [(":status", "200"), ("", "b")],
        [(":status", "200"), (":status", "204")],
        [("x-a", "b"), (":status", "200")],
        [(":status", "200"), (":path", "/")],
        [(":status", "200"), ("connection", "close")],
        [(":status", "200"), ("te", "gzip")],
        [(":status", "20")],
        [("x-a", "b")],
    ],
    ids=["line", "upper", "empty", "statuses", "order", "pseudo", "connection", "te", "short", "none"],
)
def test_a_malformed_answer_is_an_error_of_its_stream(fields: list[tuple[str, str]]) -> None:
    shared, first, other = Shared(), Caller(), Caller()
    shared.call(first)
    shared.call(other)
    shared.service.send_headers(shared.numbers[0], fields)
    shared.talk()
    assert first.told == ["failure"]
    shared.answer(shared.numbers[1])
    assert other.told[-1] == "end"
    assert not shared.wire.is_closed


@pytest.mark.parametrize("status", ["204", "304"])
def test_content_of_an_answer_that_has_none_ends_the_call_and_is_not_kept(status: str) -> None:
    shared, first, other = Shared(), Caller(), Caller()
    shared.call(first)
    shared.call(other)
    shared.service.send_headers(shared.numbers[0], [(":status", status)])
    shared.service.send_data(shared.numbers[0], b"x" * 10_000)
    shared.talk()
    assert first.told == ["failure"]
    shared.answer(shared.numbers[1])
    assert other.told[-1] == "end"
    assert not shared.wire.is_closed
