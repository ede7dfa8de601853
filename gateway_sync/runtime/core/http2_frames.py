"""FrameLengths: refuses frames by their first nine bytes, before anything of them is kept."""

from __future__ import annotations

from typing import Final

MAX_FRAME_BYTES: Final = 16_384  # RFC 9113 section 6.5.2: what a peer may send unless more is offered
PREFACE_BYTES: Final = 24  # of a client, before its first frame
_HEADER_BYTES: Final = 9
_SETTINGS: Final = 4


class FrameLengths:
    """Watches a stream of frames: the h2 library looks at a length only once the whole frame, up to 16 MiB, came."""

    __slots__ = ("_header", "_is_first", "_skipped")

    def __init__(self, preface_bytes: int) -> None:
        """preface_bytes come before the first frame."""
        self._skipped = preface_bytes
        self._header = b""
        self._is_first = True

    def admits(self, data: bytes) -> bool:
        """False when a frame in data is too long, or the first one is not SETTINGS (RFC 9113 section 3.4)."""
        position, end = 0, len(data)
        while position < end:
            if self._skipped:
                step = min(self._skipped, end - position)
                self._skipped -= step
                position += step
                continue
            part = data[position : position + _HEADER_BYTES - len(self._header)]
            self._header += part
            position += len(part)
            if len(self._header) == _HEADER_BYTES:
                self._skipped = int.from_bytes(self._header[:3])
                if self._skipped > MAX_FRAME_BYTES or (self._is_first and self._header[3] != _SETTINGS):
                    return False
                self._header, self._is_first = b"", False
        return True
