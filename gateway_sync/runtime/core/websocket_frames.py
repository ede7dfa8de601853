"""FrameCheck: the frames that one end of a WebSocket sends (RFC 6455 section 5), checked before they go on.

Owns: what a frame's head and a close frame may say, and how long messages may be. Must not know: the payload of
messages, which is between the two ends; nor sockets.
"""

from __future__ import annotations

from typing import Final

from gateway_sync.runtime.core.websocket import close_frame

PROTOCOL_ERROR: Final = 1002
INVALID_PAYLOAD: Final = 1007
TOO_BIG: Final = 1009
BAD_GATEWAY: Final = 1014  # the IANA registry's word for a gateway whose service is at fault
ANY_BITS: Final = 0x70
DEFLATE_BIT: Final = 0x40  # RSV1, which permessage-deflate has (RFC 7692)
_FIN: Final = 0x80
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80
_TEXT, _BINARY, _CLOSE, _PONG = 1, 2, 8, 10
_TWO_BYTES: Final = 126  # a length that stands for another one behind it
_LONGEST_CONTROL: Final = 125
_LEAST_LONG: Final = 65_536
_MOST: Final = 2**63 - 1
_MASK_BYTES: Final = 4
_WHOLE: Final = frozenset({_FIN | _TEXT, _FIN | _BINARY})  # nearly all frames: a message each
_GIVEN_CODES: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


class FrameCheck:
    """Follows one end's frames. Shapes: fault is the status that ends the connection, 0 = there is none."""

    __slots__ = ("_held", "_is_within", "_left", "_mask", "_most", "_reserved", "_size", "fault", "is_closed")

    def __init__(self, *, is_client: bool, reserved: int = 0, most: int = 0) -> None:
        """reserved are the bits that extensions gave a meaning; most bytes of a message, as they are sent, 0 = any."""
        self._mask = _MASKED if is_client else 0
        self._reserved = reserved
        self._most = most
        self._left = 0  # of the payload under way
        self._held = b""  # the beginning of a frame that cannot be judged yet
        self._is_within = False  # a message of several frames
        self._size = 0
        self.is_closed = False
        self.fault = 0

    @property
    def is_between(self) -> bool:
        """True when what went on ends with a frame."""
        return not self._left

    def feed(self, data: bytes) -> bytes:  # noqa: C901, PLR0911, PLR0912 - a frame's head, read in one pass
        """What may go on: all of it, but for a frame's beginning that is not whole yet; until fault is set."""
        if self.is_closed:
            return b""
        if self._held:
            data, self._held = self._held + data, b""
        position, size = self._left, len(data)
        while position < size:
            if size - position < 2:  # noqa: PLR2004
                return self._hold(data, position)
            first, second = data[position], data[position + 1]
            length = second & 0x7F
            head = 2 if length < _TWO_BYTES else 4 if length == _TWO_BYTES else 10
            if size - position < head:
                return self._hold(data, position)
            if length >= _TWO_BYTES:
                least = _TWO_BYTES if length == _TWO_BYTES else _LEAST_LONG
                length = int.from_bytes(data[position + 2 : position + head], "big")
                if length < least or length > _MOST:
                    return self._refuse(data, position, PROTOCOL_ERROR)
            if second & _MASKED != self._mask:
                fault = PROTOCOL_ERROR
            elif first in _WHOLE and not self._is_within:
                fault = TOO_BIG if 0 < self._most < length else 0
            else:
                fault = self._fault_of(first, length)
            if fault:
                return self._refuse(data, position, fault)
            whole = head + (_MASK_BYTES if self._mask else 0) + length
            if first & _OPCODE == _CLOSE:
                if size - position < whole:
                    return self._hold(data, position)
                content = data[position + whole - length : position + whole]
                if fault := _fault_of_close(content, self._mask_of(data, position)):
                    return self._refuse(data, position, fault)
                self.is_closed = True
                self._left = 0
                return data[: position + whole]  # nothing may follow
            position += whole
        self._left = position - size
        return data

    def _mask_of(self, data: bytes, position: int) -> bytes:
        return data[position + 2 : position + 2 + _MASK_BYTES] if self._mask else b""

    def _fault_of(self, first: int, length: int) -> int:
        """What is wrong with a frame that is no message by itself, or uses reserved bits."""
        opcode, is_last, reserved = first & _OPCODE, first & _FIN, first & ANY_BITS
        if opcode >= _CLOSE:
            is_good = opcode <= _PONG and is_last and not reserved and length <= _LONGEST_CONTROL
            return 0 if is_good else PROTOCOL_ERROR
        is_first = opcode in (_TEXT, _BINARY)
        if opcode > _BINARY or is_first == self._is_within or reserved & ~(self._reserved if is_first else 0):
            return PROTOCOL_ERROR
        self._size = length if is_first else self._size + length
        self._is_within = not is_last
        return TOO_BIG if 0 < self._most < self._size else 0

    def _hold(self, data: bytes, position: int) -> bytes:
        self._held = data[position:]
        self._left = 0
        return data[:position]

    def _refuse(self, data: bytes, position: int, fault: int) -> bytes:
        self.fault = fault
        self._left = 0
        return data[:position]


def _fault_of_close(payload: bytes, mask: bytes) -> int:
    """What is wrong with the content of a close frame (sections 5.5.1 and 7.4)."""
    if not payload:
        return 0
    if mask:
        payload = bytes(byte ^ mask[place % _MASK_BYTES] for place, byte in enumerate(payload))
    if len(payload) == 1:
        return PROTOCOL_ERROR
    code = int.from_bytes(payload[:2], "big")
    if code not in _GIVEN_CODES and not 3000 <= code < 5000:  # noqa: PLR2004 - those of libraries and applications
        return PROTOCOL_ERROR
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return INVALID_PAYLOAD
    return 0


def farewells(code: int, *, is_client_at_fault: bool, goodbye: int) -> tuple[bytes, bytes]:
    """The close frames that client and service get when one of them broke the rules.

    Shapes: who is at fault is told code; the service else that its client is gone (goodbye), the client BAD_GATEWAY.
    """
    if is_client_at_fault:
        return close_frame(code), close_frame(goodbye, is_masked=True)
    return close_frame(BAD_GATEWAY), close_frame(code, is_masked=True)
