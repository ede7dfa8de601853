"""Where a WebSocket's frames end, however their bytes are cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from gateway_sync.runtime.core.websocket import GOING_AWAY, FrameEnds

FRAMES = st.lists(
    st.builds(
        lambda opcode, size, is_masked: Frame(opcode, b"x" * size).serialize(mask=is_masked),
        st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
        st.sampled_from([0, 1, 125, 126, 300, 65_535, 65_536, 70_000]),
        st.booleans(),
    ),
    max_size=6,
)


@given(FRAMES, st.lists(st.integers(0, 400_000), max_size=8))
def test_the_end_of_a_frame_is_known_and_nothing_else_is_taken_for_one(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frames)
    ends = {sum(len(frame) for frame in frames[:count]) for count in range(len(frames) + 1)}
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream)), *ends})
    follower = FrameEnds()
    for start, stop in pairwise(places):
        follower.feed(stream[start:stop])
        assert follower.is_between == (stop in ends)
    assert not follower.is_closed


def test_close_frame_of_the_gateway_is_one_and_is_seen() -> None:
    assert Frame(Opcode.CLOSE, Close(1001, "").serialize()).serialize(mask=False) == GOING_AWAY
    follower = FrameEnds()
    follower.feed(GOING_AWAY)
    assert follower.is_closed
    assert follower.is_between
