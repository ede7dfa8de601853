"""HeadReader: reads the heads that come on one connection, which say nearly the same again and again.

A client sends its fields in the same order with the same values, but for a few: a request id, a key, a date. Once that
is seen, a head is compared block by block with the one before, and only the lines that vary are judged. Whatever does
not fit is read by read_request_head, which alone decides what a head may be: a block holds only lines that it passed,
in their order, and of these only such as mean the same wherever they stand.
"""

from __future__ import annotations

from typing import Final

from gateway_sync.messages import FramingError, RequestHead
from gateway_sync.runtime.core.field_lines import CONNECTION, DROP, FORWARD, HOST, KEY, ORIGIN, FieldLines
from gateway_sync.runtime.core.request_head import (
    KEPT_ALIVE,
    SHORT_BYTES,
    complete,
    is_kept_alive,
    read_request_head,
    read_request_line,
    split_head,
    use_field,
)

ATTEMPTS: Final = 8  # to learn what a connection's heads have in common, before it is left at that
_CRLF: Final = b"\r\n"
_VARYING: Final = (b"", b"")


class HeadReader:
    """The heads of one connection."""

    __slots__ = ("_attempts", "_blocks", "_fields", "_host", "_keys", "_lines", "_varying", "is_secure")

    def __init__(self) -> None:
        """Nothing was read yet. is_secure = the connection is one of TLS."""
        self.is_secure = False
        self._fields: FieldLines | None = None
        self._attempts = 0
        self._lines: list[bytes] = []  # of the head that was learned from last
        self._varying: set[int] = set()  # places of the lines that were not always the same
        self._blocks: list[tuple[bytes, bytes]] = []  # lines as received, and those of them that go on; or _VARYING
        self._host = b""
        self._keys: list[tuple[bytes, bytes]] = []

    def read(self, data: bytes, fields: FieldLines) -> tuple[RequestHead | None, bytes]:
        """The head that data begins with, and what follows it; None and data while its end is not there.

        Errors: FramingError, as read_request_head.
        """
        if fields is not self._fields:
            self._fields, self._attempts, self._lines, self._blocks = fields, 0, [], []
        elif self._blocks and len(data) <= SHORT_BYTES:
            try:
                head, end = self._compare(data, fields)
            except FramingError:
                head = None  # perhaps only because its lines come in another order
            if head is not None:
                return head, data[end:]
        lines, rest = split_head(data)
        if not lines:
            return None, data
        received = lines[1:]
        head = read_request_head(lines, fields, is_secure=self.is_secure)
        self._attempts += 1
        if 1 < self._attempts <= ATTEMPTS:  # the first one may well be the only one of its connection
            self._learn(received, fields)
        return head, rest

    def _compare(self, data: bytes, fields: FieldLines) -> tuple[RequestHead | None, int]:
        """The head and where it ends, when its lines are the same as ever or those that vary; else None."""
        line_end = data.find(_CRLF)
        if line_end < 0:
            return None, 0
        head = RequestHead()
        absolute = read_request_line(data[:line_end], head)
        head.host = self._host
        if self._keys:
            head.keys = self._keys.copy()
        position = line_end + 2
        kept: list[bytes] = []
        for received, forwarded in self._blocks:
            if received:
                if not data.startswith(received, position):
                    return None, 0
                position += len(received)
                kept.append(forwarded)
                continue
            line_end = data.find(_CRLF, position)
            if line_end <= position:
                return None, 0
            line = data[position:line_end]
            position = line_end + 2
            verdict = fields.verdict_on(line)
            if verdict.kind in (FORWARD, ORIGIN):
                kept.append(line + _CRLF)
            if verdict.kind != FORWARD:
                use_field(head, verdict)
        if not data.startswith(_CRLF, position) or not is_kept_alive(head):
            return None, 0
        head.begin(b"".join(kept))
        complete(head, absolute, self.is_secure)
        return head, position + 2

    def _learn(self, lines: list[bytes], fields: FieldLines) -> None:
        """Note what the lines of a head that was read have in common with those of the ones before it."""
        if _names(lines) != _names(self._lines):
            self._varying.clear()
        else:
            pairs = enumerate(zip(lines, self._lines, strict=True))
            self._varying |= {place for place, (line, before) in pairs if line != before}
        self._lines = lines
        self._blocks, self._keys, self._host = [], [], b""
        received = forwarded = b""
        for place, line in enumerate(lines):
            verdict = fields.verdict_on(line)
            kind = verdict.kind
            is_common = kind in _COMMON or (kind == CONNECTION and verdict.value in KEPT_ALIVE)
            if place in self._varying or not is_common:
                if received:
                    self._blocks.append((received, forwarded))
                    received = forwarded = b""
                self._blocks.append(_VARYING)
                continue
            received += line + _CRLF
            if kind == FORWARD:
                forwarded += line + _CRLF
            elif kind == HOST:
                self._host = verdict.value
            elif kind == KEY:
                self._keys.append((verdict.name, verdict.value))
        if received:
            self._blocks.append((received, forwarded))


_COMMON: Final = frozenset({FORWARD, DROP, HOST, KEY})  # their meaning does not depend on the lines around them


def _names(lines: list[bytes]) -> list[bytes]:
    return [line.partition(b":")[0] for line in lines]
