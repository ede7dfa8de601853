"""Heads between HTTP/2 and HTTP/1.1: a stream's header section as the bytes of a request, an answer's head as one.

Owns: what may be translated (RFC 9113 section 8). Everything that could mean something else in HTTP/1.1 is refused
before a byte of it is written, and the bytes are read again by the same strict reader as any request's. Must not know:
frames.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Fields = Sequence[tuple[bytes, bytes]]

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
_TARGET = re.compile(rb"(?:/[\x21-\x7e]*|\*)")
_AUTHORITY = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]+")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
# Fields of a connection, which HTTP/2 does not have (RFC 9113 section 8.2.2).
_OF_CONNECTION = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})


class HeadRefused(ValueError):
    """The header section is malformed, or means nothing in HTTP/1.1; the stream ends with PROTOCOL_ERROR."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A request for the HTTP/1.1 path. Shapes: is_chunked = its body is to be written in chunks."""

    head: bytes
    is_chunked: bool
    is_head_method: bool


def request_head(fields: Fields, *, has_body: bool) -> Translated:
    """The head of a request as HTTP/1.1 writes it. Errors: HeadRefused."""
    pseudo = _pseudo_fields(fields)
    method, target = pseudo[b":method"], pseudo[b":path"]
    if not _METHOD.fullmatch(method) or method == b"CONNECT":
        raise HeadRefused("the method")
    if not _TARGET.fullmatch(target) or (target == b"*" and method != b"OPTIONS"):
        raise HeadRefused("the path")
    if pseudo[b":scheme"].lower() not in (b"https", b"http"):
        raise HeadRefused("the scheme")
    lines: list[bytes] = []
    special: dict[bytes, list[bytes]] = {b"cookie": [], b"host": [], b"content-length": [], b"te": []}
    for name, value in fields:
        if not name.startswith(b":"):
            check_field(name, value)
            if name in special:
                special[name].append(value)
            else:
                lines.append(name + b": " + value)
    host = _host(pseudo.get(b":authority", b""), special[b"host"])
    if special[b"cookie"]:
        lines.append(b"cookie: " + b"; ".join(special[b"cookie"]))  # RFC 9113 section 8.2.3
    framing = _framing(special[b"content-length"], has_body=has_body)
    if framing:
        lines.append(framing)
    head = b"\r\n".join([b"%s %s HTTP/1.1" % (method, target), b"host: " + host, *lines, b"", b""])
    return Translated(head, framing.startswith(b"t"), method == b"HEAD")


def _framing(lengths: Sequence[bytes], *, has_body: bool) -> bytes:
    """The line that says where the body ends in HTTP/1.1; "" for a request without one."""
    if len(lengths) > 1 or (lengths and not _DIGITS.fullmatch(lengths[0])):
        raise HeadRefused("the length")
    if lengths and not has_body and int(lengths[0]):
        raise HeadRefused("a length without a body")
    if lengths:
        return b"content-length: " + lengths[0]
    return b"transfer-encoding: chunked" if has_body else b""


def _pseudo_fields(fields: Fields) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    is_regular = False
    for name, value in fields:
        if not name.startswith(b":"):
            is_regular = True
        elif is_regular or name not in _PSEUDO or name in found:
            raise HeadRefused("the pseudo fields")
        else:
            found[name] = value
    if not found.keys() >= {b":method", b":scheme", b":path"}:
        raise HeadRefused("the pseudo fields")
    return found


def check_field(name: bytes, value: bytes) -> None:
    """Refuse a field that HTTP/2 or HTTP/1.1 cannot have. Errors: HeadRefused."""
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise HeadRefused("a field")
    if name in _OF_CONNECTION or (name == b"te" and value.lower() != b"trailers"):
        raise HeadRefused("a field of the connection")


def _host(authority: bytes, hosts: Sequence[bytes]) -> bytes:
    """The one name that the request is for (RFC 9113 section 8.3.1)."""
    if len(hosts) > 1 or (hosts and authority and hosts[0] != authority):
        raise HeadRefused("the host")
    host = authority or (hosts[0] if hosts else b"")
    if not _AUTHORITY.fullmatch(host):
        raise HeadRefused("the host")
    return host


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """The head of an answer as HTTP/2 has it. Shapes: content_length -1 = not said."""

    status: int
    fields: list[tuple[bytes, bytes]]
    content_length: int
    is_chunked: bool


def answer_head(block: bytes) -> AnswerHead:
    """The head that the HTTP/1.1 path wrote, without its end, as HTTP/2 has it."""
    start, *lines = block.split(b"\r\n")
    status = start[9:12]  # of `HTTP/1.1 200 OK`; mypyc has no place for a slice that has a name
    fields = [(b":status", status)]
    content_length, is_chunked = -1, False
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name == b"transfer-encoding":
            is_chunked = True
        elif name not in _OF_CONNECTION:
            fields.append((name, value))
            if name == b"content-length":
                content_length = int(value)
    return AnswerHead(int(status), fields, content_length, is_chunked)
