"""Heads towards services that speak HTTP/2: a request written for HTTP/1.1 as fields, an answer's fields as a head."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway_sync.runtime.core.http2_heads import Fields, HeadRefused, check_field

# What ends at this hop, or is said otherwise in HTTP/2 (RFC 9113 section 8.2.2).
_DROPPED = frozenset(
    {b"host", b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te", b"expect"}
)
# Fields that may not come after a body, for they say how to read it or whom it is for (RFC 9110 section 6.5.1).
_NO_TRAILERS = frozenset(
    {b"content-length", b"content-encoding", b"content-type", b"content-range", b"trailer", b"set-cookie", b"host"}
)
_BODILESS = (b"204", b"304")


@dataclass(frozen=True, slots=True)
class OutgoingHead:
    """A request's header section. Shapes: content_length -1 = not said; is_chunked = the body comes in chunks."""

    fields: list[tuple[bytes, bytes]]
    content_length: int
    is_chunked: bool
    is_head_method: bool


def outgoing_head(block: bytes, scheme: bytes) -> OutgoingHead:
    """The fields of a head that core.forwarding wrote, given without its end."""
    start, *lines = block.split(b"\r\n")
    method, target, _ = start.split(b" ")
    authority, content_length, is_chunked = b"", -1, False
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name == b"host":
            authority = value
        elif name == b"transfer-encoding":
            is_chunked = True
        elif name == b"content-length":
            content_length = int(value)
        if name not in _DROPPED:
            fields.append((name, value))
    pseudo = [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", target)]
    return OutgoingHead([*pseudo, *fields, (b"te", b"trailers")], content_length, is_chunked, method == b"HEAD")


@dataclass(frozen=True, slots=True)
class IncomingHead:
    """An answer's head as HTTP/1.1 writes it.

    Shapes: is_chunked = its body is to be written in chunks; content_length -1 = not said, 0 = the head is all.
    """

    block: bytes
    is_chunked: bool
    content_length: int


def incoming_head(fields: Fields, *, is_end: bool, is_head_method: bool) -> IncomingHead:
    """The head of an answer; is_end = nothing follows it. Errors: HeadRefused."""
    status = fields[0][1] if fields and fields[0][0] == b":status" else b""
    if len(status) != 3 or not status.isdigit():  # noqa: PLR2004 - RFC 9110 section 15
        raise HeadRefused("the status")
    lines, lengths = [], []
    for name, value in fields[1:]:  # no further pseudo field is a field
        check_field(name, value)
        lines.append(name + b": " + value)
        if name == b"content-length":
            lengths.append(value)
    if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
        raise HeadRefused("the length")
    is_bodiless = is_head_method or status in _BODILESS or status.startswith(b"1")
    is_chunked = not (is_bodiless or lengths or is_end)
    if is_chunked:
        lines.append(b"transfer-encoding: chunked")
    elif is_end and not is_bodiless and not lengths:
        lines.append(b"content-length: 0")
    length = -1 if is_chunked else 0 if is_bodiless or is_end else int(lengths[0])
    return IncomingHead(b"\r\n".join([b"HTTP/1.1 %s " % status, *lines, b"", b""]), is_chunked, length)


def trailer_lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A trailer section as lines, without what may not be there. Errors: HeadRefused."""
    lines = []
    for name, value in fields:
        if name.startswith(b":"):
            raise HeadRefused("a pseudo field in trailers")
        check_field(name, value)
        if name not in _NO_TRAILERS:
            lines.append(b"%s: %s\r\n" % (name, value))
    return b"".join(lines)


def trailer_fields(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Trailer lines as fields, without what may not be there."""
    pairs = (line.partition(b":") for line in lines.split(b"\r\n") if line)
    fields = [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]
    return [(name, value) for name, value in fields if name not in _NO_TRAILERS and name not in _DROPPED]
