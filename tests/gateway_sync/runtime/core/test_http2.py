from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.messages import FramingError
from gateway_sync.runtime.core.field_lines import FieldLines
from gateway_sync.runtime.core.http2_credit import A_SECOND, MOST, FrameCredit
from gateway_sync.runtime.core.http2_frames import FrameLengths
from gateway_sync.runtime.core.http2_heads import Fields, HeadRefused, answer_head, request_head
from gateway_sync.runtime.core.http2_upstream_heads import trailer_lines
from gateway_sync.runtime.core.request_head import read_request_head, split_head

SOUND: list[tuple[bytes, bytes]] = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"a.example"),
    (b":path", b"/x?y=1"),
]
BYTES = st.binary(max_size=20)


def test_a_sound_head_is_written_as_one_request() -> None:
    fields = [*SOUND, (b"cookie", b"a=1"), (b"x-a", b"b"), (b"cookie", b"c=2"), (b"te", b"trailers")]
    translated = request_head(fields, has_body=False)

    assert translated.head == b"GET /x?y=1 HTTP/1.1\r\nhost: a.example\r\nx-a: b\r\ncookie: a=1; c=2\r\n\r\n"
    assert not translated.is_chunked


@pytest.mark.parametrize(("lengths", "is_chunked"), [([], True), ([(b"content-length", b"5")], False)])
def test_a_body_is_framed_by_its_length_or_in_chunks(lengths: Fields, is_chunked: bool) -> None:
    assert request_head([*SOUND, *lengths], has_body=True).is_chunked is is_chunked


@given(st.lists(st.tuples(st.one_of(st.sampled_from([b"x-a", b"host", b":path", b"te"]), BYTES), BYTES), max_size=5))
def test_whatever_a_head_holds_it_is_refused_or_read_as_exactly_one_request(more: list[tuple[bytes, bytes]]) -> None:
    fields = [*SOUND, *more]
    try:
        head = request_head(fields, has_body=False).head
    except HeadRefused:
        return
    lines, rest = split_head(head)
    assert rest == b""
    assert head.count(b"\r\n\r\n") == 1
    assert len(lines) == 2 + len([pair for pair in more if pair[0] not in (b"te", b"host", b"cookie")]) + any(
        name == b"cookie" for name, _ in more
    )
    try:
        read = read_request_head(lines, FieldLines(frozenset()))
    except FramingError:
        return  # the strict reader may refuse more
    assert (read.method, read.target_path, read.host) == (b"GET", b"/x", b"a.example")


@given(BYTES, BYTES, BYTES)
def test_whatever_the_pseudo_fields_hold_no_line_ends_in_them(method: bytes, authority: bytes, path: bytes) -> None:
    fields = [(b":method", method), (b":scheme", b"https"), (b":authority", authority), (b":path", path)]
    try:
        head = request_head(fields, has_body=False).head
    except HeadRefused:
        return
    assert head == b"%s %s HTTP/1.1\r\nhost: %s\r\n\r\n" % (method, path, authority)
    assert head.count(b"\r\n") == 3
    assert head.split(b"\r\n")[0].count(b" ") == 2


@pytest.mark.parametrize(
    "field", [(b":path", b"/"), (b"x", b"a\r\nb"), (b"transfer-encoding", b"chunked"), (b"X", b"a")]
)
def test_trailers_hold_no_more_than_fields(field: tuple[bytes, bytes]) -> None:
    assert trailer_lines([(b"grpc-status", b"0")]) == b"grpc-status: 0\r\n"
    with pytest.raises(HeadRefused):
        trailer_lines([field])


def test_an_answers_head_loses_what_belongs_to_its_connection() -> None:
    head = answer_head(b"HTTP/1.1 200 OK\r\nX-A: b\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nVia: 1.1 g")

    assert head.fields == [(b":status", b"200"), (b"x-a", b"b"), (b"via", b"1.1 g")]
    assert (head.status, head.content_length, head.is_chunked) == (200, -1, True)


@given(st.lists(st.integers(0, 300), max_size=6), st.integers(1, 40))
def test_frames_are_followed_however_they_are_cut(sizes: list[int], step: int) -> None:
    frames = b"".join(size.to_bytes(3) + b"\4\0\0\0\0\0" + b"x" * size for size in sizes)
    lengths = FrameLengths(24)
    wire = b"p" * 24 + frames

    assert all(lengths.admits(wire[start : start + step]) for start in range(0, len(wire), step))
    assert not lengths.admits((16_385).to_bytes(3) + b"\4\0\0\0\0\0")


def test_the_first_frame_is_settings() -> None:
    assert not FrameLengths(0).admits(b"HTTP/1.1 200 OK\r\n")
    assert not FrameLengths(0).admits(b"\0\0\0\1\0\0\0\0\0")


def test_frames_that_ask_for_nothing_are_borne_at_a_rate() -> None:
    credit = FrameCredit(0.0)

    assert all(credit.spend(0.0) for _ in range(int(MOST)))
    assert not credit.spend(0.0)
    assert credit.spend(2 / A_SECOND + 0.001)
