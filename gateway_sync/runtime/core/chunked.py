"""ChunkedDecoder: undoes the chunked transfer coding, strictly (RFC 9112 section 7.1)."""

from __future__ import annotations

import re
from typing import Final

from gateway_sync.messages import FramingError

MAX_SIZE_LINE: Final = 256  # a chunk extension longer than that has no honest use
MAX_TRAILER_BYTES: Final = 8192

_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")

_AT_SIZE, _IN_DATA, _AT_DATA_END, _IN_TRAILER = range(4)


class ChunkedDecoder:
    """Fed bytes as they come, gives the content; extensions are ignored.

    Shapes: once `is_complete`, `rest` holds what followed and `trailers` the lines of trailer fields, with their ends.
    """

    __slots__ = ("_code", "_pending", "_size", "_state", "_trailer_bytes", "is_complete", "rest", "trailers")

    def __init__(self, code: str) -> None:
        """code is that of the FramingError: bad-request for clients, upstream-invalid for upstreams."""
        self._code = code
        self._state = _AT_SIZE
        self._size = 0
        self._pending = b""
        self._trailer_bytes = 0
        self.is_complete = False
        self.rest = b""
        self.trailers = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of content in data. Errors: FramingError on anything that two readers could read differently."""
        pieces: list[bytes] = []
        if self._pending:
            data = self._pending + data
            self._pending = b""
        position, end = 0, len(data)
        while position < end and not self.is_complete:
            if self._state == _IN_DATA:
                taken = min(self._size, end - position)
                pieces.append(data[position : position + taken])
                position += taken
                self._size -= taken
                if not self._size:
                    self._state = _AT_DATA_END
                continue
            stop = data.find(b"\r\n", position, position + MAX_SIZE_LINE + MAX_TRAILER_BYTES)
            if stop < 0:
                self._keep(data[position:])
                return pieces
            self._line(data[position:stop])
            position = stop + 2
        if self.is_complete:
            self.rest = data[position:]
        return pieces

    def _keep(self, partial: bytes) -> None:
        most = {_AT_SIZE: MAX_SIZE_LINE, _AT_DATA_END: 0, _IN_TRAILER: MAX_TRAILER_BYTES}[self._state]
        if len(partial) > most + partial.endswith(b"\r") or b"\n" in partial:
            raise FramingError(self._code, "A chunk is malformed.")
        self._pending = partial

    def _line(self, line: bytes) -> None:
        if self._state == _AT_DATA_END:
            if line:
                raise FramingError(self._code, "A chunk is longer than it said.")
            self._state = _AT_SIZE
        elif self._state == _AT_SIZE:
            match = _SIZE.fullmatch(line)
            if match is None or len(line) > MAX_SIZE_LINE:
                raise FramingError(self._code, "A chunk's size is malformed.")
            self._size = int(match[1], 16)
            self._state = _IN_DATA if self._size else _IN_TRAILER
        elif line:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_TRAILER_BYTES or _TRAILER.fullmatch(line) is None:
                raise FramingError(self._code, "A trailer field is malformed.")
            self.trailers += line + b"\r\n"
        else:
            self.is_complete = True
