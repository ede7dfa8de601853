"""Heads of requests and answers as the runtime's core and shell exchange them.

Owns: the shapes. Standard library only; no I/O. Classes on the hot path are plain slotted ones: a frozen dataclass pays
several times as much for each field it sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NO_BODY: Final = 0
SIZED: Final = 1
CHUNKED: Final = 2
UNTIL_CLOSE: Final = 3


class RequestHead:
    """The head of a request, its framing decided and its fields sorted into those forwarded and those used here.

    Shapes: target_path and query as received; lines are the raw field lines that may go upstream; body is
    NO_BODY, SIZED or CHUNKED; minor is the HTTP/1 minor version; keys holds (lower-case name, value) of the fields
    that may carry an API key; connection is what the Connection fields list; upgrade is the value of an Upgrade that
    may be followed, b"" without one.
    """

    __slots__ = (
        "_block",
        "_lines",
        "body",
        "connection",
        "content_length",
        "content_type",
        "expects_continue",
        "host",
        "is_persistent",
        "keys",
        "method",
        "minor",
        "origin",
        "preflight_headers",
        "preflight_method",
        "query",
        "request_id",
        "target_path",
        "traceparent",
        "tracestate",
        "upgrade",
        "via",
    )

    def __init__(self) -> None:
        """An empty GET without fields."""
        self.method = b"GET"
        self.target_path = b"/"
        self.query = b""
        self.minor = 1
        self.host = b""
        self._block = b""
        self._lines: list[bytes] = []
        self.keys: list[tuple[bytes, bytes]] | None = None
        self.connection = b""
        self.body = NO_BODY
        self.content_length = 0
        self.content_type = b""
        self.is_persistent = True
        self.expects_continue = False
        self.request_id = b""
        self.traceparent = b""
        self.tracestate = b""
        self.upgrade = b""
        self.via = b""
        self.origin = b""
        self.preflight_method = b""
        self.preflight_headers = b""

    @property
    def lines(self) -> list[bytes]:
        """The field lines that may go upstream; may be changed in place."""
        if self._block:
            self._lines[:0] = self._block[:-2].split(b"\r\n")
            self._block = b""
        return self._lines

    @lines.setter
    def lines(self, lines: list[bytes]) -> None:
        self._block = b""
        self._lines = lines

    def block(self) -> bytes:
        """The same lines as they are sent, each ended by CRLF."""
        return self._block + b"\r\n".join([*self._lines, b""]) if self._lines else self._block

    def begin(self, block: bytes) -> None:
        """Set lines that are already joined; they are split only for who asks for `lines`."""
        self._block = block


class ResponseHead:
    """The head of an upstream's answer.

    Shapes: lines are the raw field lines that may go to the client, already mapped; body as in RequestHead, or
    UNTIL_CLOSE. Answers with equal heads share one object, so it is not changed after it was read; prepared is what
    core.forwarding keeps in it for the next one, stepped what the policies of a route last made of it.
    """

    __slots__ = ("body", "content_length", "is_persistent", "lines", "minor", "prepared", "reason", "status", "stepped")

    def __init__(self) -> None:
        """An empty 200."""
        self.status = 200
        self.reason = b""
        self.minor = 1
        self.lines: list[bytes] = []
        self.body = NO_BODY
        self.content_length = -1
        self.is_persistent = True
        self.prepared: tuple[bytes, int] | None = None
        self.stepped: tuple[object, ResponseHead] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the gateway gives by itself.

    Shapes: code is one of runtime.core.refusals.CODES; fields are extra field lines; close ends the connection; members
    are further ones of the problem document.
    """

    code: str
    detail: str = ""
    fields: tuple[bytes, ...] = ()
    is_closing: bool = False
    status: int = 0  # 0 = the code's own
    members: tuple[tuple[str, object], ...] = ()


class FramingError(Exception):
    """The bytes are not a message that every reader would read alike; RFC 9112 section 11.2 (request smuggling)."""

    def __init__(self, code: str, detail: str, status: int = 0) -> None:
        """code and detail are those of the Refusal."""
        super().__init__(detail)
        self.refusal = Refusal(code, detail, is_closing=True, status=status)
