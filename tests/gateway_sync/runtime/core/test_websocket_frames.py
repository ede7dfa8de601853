"""Which frames go on, however their bytes are cut, and which end the connection.

Promise H17.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from gateway_sync.runtime.core.websocket import close_frame, extensions_in, without_extensions
from gateway_sync.runtime.core.websocket_frames import (
    ANY_BITS,
    DEFLATE_BIT,
    INVALID_PAYLOAD,
    PROTOCOL_ERROR,
    TOO_BIG,
    FrameCheck,
)
from tests.properties import patient

SIZES = st.sampled_from([0, 1, 125, 126, 300, 65_535, 65_536, 70_000])
CONTROLS = st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))


@st.composite
def messages(draw: st.DrawFn) -> list[Frame]:
    """A message in one frame or several, control frames between them."""
    opcode = draw(st.sampled_from([Opcode.TEXT, Opcode.BINARY]))
    count = draw(st.integers(1, 3))
    frames: list[Frame] = []
    for number in range(count):
        kind = opcode if number == 0 else Opcode.CONT
        frames.append(Frame(kind, b"x" * draw(SIZES), fin=number == count - 1))
        if draw(st.booleans()):
            frames.append(draw(CONTROLS))
    return frames


@patient
@given(st.lists(messages(), max_size=4), st.booleans(), st.lists(st.integers(0, 400_000), max_size=8))
def test_good_frames_go_on_byte_by_byte_as_they_came(
    given_messages: list[list[Frame]], is_client: bool, cuts: list[int]
) -> None:
    frames = [frame.serialize(mask=is_client) for message in given_messages for frame in message]
    stream = b"".join(frames)
    ends = {sum(len(frame) for frame in frames[:count]) for count in range(len(frames) + 1)}
    check = FrameCheck(is_client=is_client)
    passed = b""
    for start, stop in pairwise(sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})):
        passed += check.feed(stream[start:stop])
        assert check.fault == 0
        assert check.is_between == (len(passed) in ends)
        assert stop - len(passed) < 14
    assert passed == stream


def text(size: int = 3, **changes: bool) -> bytes:
    return Frame(Opcode.TEXT, b"x" * size, **changes).serialize(mask=True)


def masked(head: str, payload: bytes = b"") -> bytes:
    return bytes.fromhex(head) + bytes(4) + payload


GOOD, PART = text(), text(fin=False)
BAD = {
    "not masked": (b"\x81\x03abc", PROTOCOL_ERROR),
    "a length of 2^63": (masked("82ff8000000000000000"), PROTOCOL_ERROR),
    "a length of two bytes for less": (masked("82fe007d", b"x" * 125), PROTOCOL_ERROR),
    "a length of eight bytes for less": (masked("82ff000000000000ffff"), PROTOCOL_ERROR),
    "a control frame in parts": (masked("0980"), PROTOCOL_ERROR),
    "a long control frame": (masked("89fe007e", b"x" * 126), PROTOCOL_ERROR),
    "an unknown kind": (masked("8380"), PROTOCOL_ERROR),
    "an unknown control frame": (masked("8b80"), PROTOCOL_ERROR),
    "a reserved bit": (masked("a180"), PROTOCOL_ERROR),
    "deflate that nobody agreed on": (masked("c180"), PROTOCOL_ERROR),
    "a rest without a beginning": (masked("8080"), PROTOCOL_ERROR),
    "a beginning in a message": (PART + text(), PROTOCOL_ERROR),
    "a close of one byte": (masked("8881", b"x"), PROTOCOL_ERROR),
    "a close for no reason that is sent": (masked("8882", (1005).to_bytes(2)), PROTOCOL_ERROR),
    "a close for an unknown reason": (masked("8882", (2999).to_bytes(2)), PROTOCOL_ERROR),
    "a close in no UTF-8": (masked("8884", (1000).to_bytes(2) + b"\xc3\x28"), INVALID_PAYLOAD),
    "a long message": (text(101), TOO_BIG),
    "a long message in parts": (PART + Frame(Opcode.CONT, b"x" * 98).serialize(mask=True), TOO_BIG),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "byte by byte"])
def test_a_bad_frame_does_not_go_on(name: str, at_once: bool) -> None:
    frames, fault = BAD[name]
    check = FrameCheck(is_client=True, most=100)
    stream = GOOD + frames
    passed = b""
    for part in [stream] if at_once else [stream[place : place + 1] for place in range(len(stream))]:
        passed += check.feed(part)
        if check.fault:
            break
    assert check.fault == fault
    assert passed == GOOD + (PART if frames.startswith(PART) else b"")
    assert check.is_between


def test_a_server_does_not_mask() -> None:
    check = FrameCheck(is_client=False)
    assert check.feed(text()) == b""
    assert check.fault == PROTOCOL_ERROR


def test_deflate_has_its_bit_at_the_beginning_of_messages_where_it_was_agreed_on() -> None:
    check = FrameCheck(is_client=True, reserved=DEFLATE_BIT)
    check.feed(masked("4180") + masked("8080"))
    assert check.fault == 0
    check.feed(masked("4180") + masked("c080"))
    assert check.fault == PROTOCOL_ERROR


def test_bits_of_unknown_extensions_are_theirs() -> None:
    check = FrameCheck(is_client=True, reserved=ANY_BITS)
    check.feed(masked("f180"))
    assert check.fault == 0


@pytest.mark.parametrize("code", [1000, 1014, 3000, 4999])
def test_nothing_follows_a_close(code: int) -> None:
    close = Frame(Opcode.CLOSE, Close(code, "über").serialize()).serialize(mask=True)
    check = FrameCheck(is_client=True)
    assert check.feed(GOOD + close + GOOD) == GOOD + close
    assert (check.is_closed, check.fault, check.is_between) == (True, 0, True)
    assert (check.feed(GOOD), check.is_between) == (b"", True)


def test_close_frames_of_the_gateway_are_frames() -> None:
    assert close_frame(1002) == Frame(Opcode.CLOSE, Close(1002, "").serialize()).serialize(mask=False)
    check = FrameCheck(is_client=True)
    assert check.feed(close_frame(1001, is_masked=True)) == close_frame(1001, is_masked=True)
    assert check.is_closed


def test_extensions_are_found_and_left_out() -> None:
    lines = [b"A: b", b"Sec-WebSocket-Extensions: permessage-deflate; x=1, foo", b"sec-websocket-extensions: Bar"]
    assert extensions_in(lines) == [b"permessage-deflate", b"foo", b"bar"]
    assert without_extensions(lines) == [b"A: b"]
