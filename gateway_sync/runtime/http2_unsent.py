"""Unsent: what of one HTTP/2 connection's answers waits for its caller, and for how long already.

Owns: how much may wait on a connection, and who has waited too long. A caller decides by its windows when it takes
something, so a connection of many streams could hold as many buffers for as long as it likes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gateway_sync.runtime.client import BODY_BYTES

if TYPE_CHECKING:
    from gateway_sync.runtime.http2_stream import Stream
    from gateway_sync.runtime.serving import Serving

MOST_BYTES: Final = 1 << 20  # of a connection
FEW_BYTES: Final = 1 << 18  # when services are read on
PRESSED_BYTES: Final = 65_536  # of a connection, while those of all are too many
PRESSED_S: Final = 5.0
LOOK_S: Final = 1.0  # between two looks at what waits


class Unsent:
    """The count of one connection, as a part of its worker's."""

    __slots__ = ("_serving", "is_full", "size")

    def __init__(self, serving: Serving) -> None:
        """Nothing waits."""
        self._serving = serving
        self.size = 0
        self.is_full = False

    def note(self, stream: Stream, sent: int) -> bool:
        """Count what waits on a stream now, of which so much went out. True when all streams must be told of it."""
        serving, size = self._serving, len(stream.output)
        self.size += size - stream.counted
        serving.unsent.held += size - stream.counted
        stream.counted = size
        stream.progress += sent
        if not size:
            stream.waits_since = 0.0
            stream.progress = 0
        elif not stream.waits_since or stream.progress >= BODY_BYTES:
            stream.waits_since = serving.clock
            stream.progress = 0
        was_full, is_pressed = self.is_full, serving.unsent.is_spent
        if was_full:
            self.is_full = self.size > (PRESSED_BYTES // 2 if is_pressed else FEW_BYTES)
        else:
            self.is_full = self.size > (PRESSED_BYTES if is_pressed else MOST_BYTES)
        return self.is_full != was_full

    def grant_time(self, stream: Stream, streams: Iterable[Stream]) -> None:
        """The caller took something: who waits for no more than that has its time anew."""
        until = self._serving.clock + self._serving.bounds.body_s
        if stream.client.is_write_paused and not stream.progress:
            stream.client.deadline = until
        if self.is_full:
            for each in streams:
                if each.client.is_write_paused and not each.output:
                    each.client.deadline = until

    def stalled(self, streams: Iterable[Stream]) -> list[Stream]:
        """Those whose caller has not taken a few KiB in the time that a step of a body may take."""
        last = self._serving.clock - self.patience_s
        return [stream for stream in streams if 0.0 < stream.waits_since <= last]

    @property
    def patience_s(self) -> float:
        """How long a caller may take nothing."""
        body_s = self._serving.bounds.body_s
        return min(body_s, PRESSED_S) if self._serving.unsent.is_spent else body_s
