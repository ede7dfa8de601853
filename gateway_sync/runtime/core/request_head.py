"""Reads the head of a request: strict where framing could be read in two ways, RFC 9112 sections 2, 3, 5 and 6.

Why heads are read here at all, and not by llhttp, is told in docs/adr/0006-own-head-parser.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gateway_sync.messages import CHUNKED, NO_BODY, SIZED, FramingError, RequestHead
from gateway_sync.runtime.core.field_lines import (
    CODING,
    CONNECTION,
    DROP,
    EXPECT,
    FORWARD,
    HOST,
    KEY,
    LENGTH,
    ORIGIN,
    PREFLIGHT_HEADERS,
    PREFLIGHT_METHOD,
    REQUEST_ID,
    TRACEPARENT,
    TRACESTATE,
    UPGRADE,
    VIA,
    FieldLines,
    Verdict,
    is_host,
)
from gateway_sync.runtime.core.octets import consists_of

MAX_HEAD_BYTES: Final = 65_536
MAX_FIELDS: Final = 200
MAX_TARGET_BYTES: Final = 16_384
MAX_REQUEST_ID: Final = 128
SHORT_BYTES: Final = 4096  # of a request whose head is found in one step

_METHOD: Final = re.compile(rb"[A-Z][A-Z-]{0,31}")
_ABSOLUTE: Final = re.compile(rb"(https?://([^/?#]+))(.*)", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_BOTH: Final = "Content-Length and Transfer-Encoding exclude each other."


def split_head(data: bytes) -> tuple[list[bytes], bytes]:
    """The lines of the head that data begins with and what follows it; no lines while its end is not there.

    Hot: when data seems to be one head and nothing else, it is split first and the lines show whether it was, which
    costs half of searching for the end. Only for short data, else many pipelined heads would be split over and over.
    """
    if len(data) <= SHORT_BYTES and data.endswith(_END):
        lines = data.split(b"\r\n")
        if lines.index(b"") == len(lines) - 2:
            del lines[-2:]
            return lines, b""
    end = data.find(_END, 0, MAX_HEAD_BYTES + len(_END))
    return (data[:end].split(b"\r\n"), data[end + len(_END) :]) if end > 0 else ([], data)


def without_empty_lines(data: bytes) -> bytes:
    """Data from its request line on: empty lines before it are ignored (RFC 9112 section 2.2)."""
    start = 2
    while data.startswith(b"\r\n", start):
        start += 2
    return data[start:]


def read_request_head(lines: list[bytes], fields: FieldLines, *, is_secure: bool = False) -> RequestHead:
    """The head of a request, given its lines without the final empty one; the list becomes the head's own.

    Shapes: is_secure = it came by TLS, so that its target may be an https one.
    Errors: FramingError with the code and status of the answer; the connection cannot be used any more.
    """
    head = RequestHead()
    absolute = read_request_line(lines.pop(0), head)
    if len(lines) >= MAX_FIELDS:
        raise FramingError("headers-too-large", f"More than {MAX_FIELDS - 1} header fields.")
    head.lines = lines
    plain, seen = fields.plain, fields.seen
    for line in [line for line in lines if line not in plain]:
        verdict = seen.get(line) or fields.judge(line)
        if verdict.kind != FORWARD:
            if verdict.kind != ORIGIN:
                lines.remove(line)
            use_field(head, verdict)
    if head.connection and not is_kept_alive(head):
        _drop_connection_fields(head, head.connection.lower())
    complete(head, absolute, is_secure)
    return head


def is_kept_alive(head: RequestHead) -> bool:
    """True when the Connection fields, if any, change nothing."""
    return head.minor == 1 and (not head.connection or head.connection in KEPT_ALIVE)


def complete(head: RequestHead, absolute: bytes, is_secure: bool) -> None:  # noqa: FBT001 - for each request
    """Decide what depends on all fields together; absolute is the scheme and authority of an absolute-form target."""
    if not head.host and head.minor == 1:
        raise FramingError("bad-request", "The Host header is missing.")
    if absolute:
        absolute_host = _authority_of(absolute, is_secure=is_secure)
        # RFC 9112 section 3.2.2 lets a proxy prefer the target's; but a caller who names two hosts is up to something.
        if head.host and head.host.lower() != absolute_host.lower():
            raise FramingError("bad-request", "The target and the Host header name different hosts.")
        head.host = absolute_host
    if head.body == SIZED and head.content_length == 0:
        head.lines.append(b"Content-Length: 0")
        head.body = NO_BODY
    if head.upgrade and not _is_upgrade(head):
        head.upgrade = b""


def _authority_of(absolute: bytes, *, is_secure: bool) -> bytes:
    """The authority of a target. Errors: FramingError for one that may not be asked for here.

    RFC 9110 section 7.4: an https target came to the wrong place when it did not come by TLS.
    """
    scheme, _, authority = absolute.partition(b"://")
    if not is_secure and scheme.lower() == b"https":
        raise FramingError("misdirected", "An https target is served by HTTPS only.")
    return authority


def read_request_line(line: bytes, head: RequestHead) -> bytes:
    """Put the request line into the head; scheme and authority of an absolute-form target. Errors: FramingError."""
    try:
        method, target, version = line.split(b" ")
    except ValueError:
        raise FramingError("bad-request", "The request line is malformed.") from None
    if version != b"HTTP/1.1":
        if version != b"HTTP/1.0":
            raise FramingError("bad-request", "Only versions 1.1 and 1.0 of HTTP are spoken here.", 505)
        head.minor = 0
        head.is_persistent = False
    if method not in _COMMON_METHODS:
        _check_rare_method(method)
    if len(target) > MAX_TARGET_BYTES:
        raise FramingError("bad-request", "The request target is too long.", 414)
    head.method = method
    absolute = b""
    if not target.startswith(b"/"):
        absolute, target = _read_absolute(target)
    if target.find(b"?") >= 0:  # `in` on bytes costs twice as much
        target, question, query = target.partition(b"?")
        head.query = question + query
    head.target_path = target
    return absolute


KEPT_ALIVE: Final = frozenset({b"keep-alive", b"Keep-Alive"})
_COMMON_METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
_REFUSED_METHODS: Final = frozenset({b"TRACE", b"CONNECT"})


def _check_rare_method(method: bytes) -> None:
    # TRACE would show callers what is added to a request, CONNECT is for proxies (RFC 9110 sections 9.3.6 and 9.3.8).
    if method in _REFUSED_METHODS:
        raise FramingError("bad-request", "This method is never served.", 501)
    if _METHOD.fullmatch(method) is None:
        raise FramingError("bad-request", "The method is malformed.")


def _read_absolute(target: bytes) -> tuple[bytes, bytes]:
    """Scheme and authority, and origin-form, of an absolute-form target (RFC 9112 section 3.2.2)."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not is_host(match[2]):
        raise FramingError("bad-request", "The request target is malformed.")
    rest = match[3]
    return match[1], rest if rest[:1] == b"/" else b"/" + rest


def use_field(head: RequestHead, verdict: Verdict) -> None:
    """Put a field that the gateway itself reads into the head. Errors: FramingError."""
    kind, value = verdict.kind, verdict.value
    if kind == KEY:
        if head.keys is None:
            head.keys = []
        head.keys.append((verdict.name, value))
    elif kind == HOST:
        if head.host:
            raise FramingError("bad-request", "The Host header is malformed or doubled.")
        head.host = value
    elif kind == CONNECTION:
        head.connection = head.connection + b"," + value if head.connection else value
    elif kind == REQUEST_ID:
        _use_request_id(head, value)
    elif kind != DROP:
        _RARE[kind](head, value)


def _use_length(head: RequestHead, value: bytes) -> None:
    if head.body == CHUNKED:
        raise FramingError("bad-request", _BOTH)
    if head.body == SIZED:
        raise FramingError("bad-request", "Content-Length is malformed or doubled.")
    head.content_length = int(value)
    head.body = SIZED


def _use_coding(head: RequestHead, value: bytes) -> None:
    if head.body == SIZED:
        raise FramingError("bad-request", _BOTH)
    if head.minor == 0 or head.body == CHUNKED:
        raise FramingError("bad-request", "Transfer-Encoding is doubled or not possible in HTTP/1.0.")
    if value.lower() != b"chunked":
        raise FramingError("bad-request", "The only transfer coding understood is chunked.", 501)
    head.body = CHUNKED


def _use_expect(head: RequestHead, value: bytes) -> None:
    if value.lower() != b"100-continue":
        raise FramingError("bad-request", "The only expectation understood is 100-continue.", 417)
    head.expects_continue = head.minor == 1


def _use_request_id(head: RequestHead, value: bytes) -> None:
    if len(value) <= MAX_REQUEST_ID and consists_of(value, _VISIBLE):
        head.request_id = value


def _use_traceparent(head: RequestHead, value: bytes) -> None:
    # Two of them: none is believed (W3C Trace Context section 3.2).
    head.traceparent = b"" if head.traceparent else value


def _use_tracestate(head: RequestHead, value: bytes) -> None:
    head.tracestate = head.tracestate + b"," + value if head.tracestate else value


def _use_upgrade(head: RequestHead, value: bytes) -> None:
    head.upgrade = head.upgrade + b"," + value if head.upgrade else value


def _is_upgrade(head: RequestHead) -> bool:
    """True when Upgrade is of this hop and may be followed (RFC 9110 section 7.8); else it is as if it were not there.

    With a body, or beside another method than GET, the two sides might disagree on where the new protocol begins.
    """
    options = {name.strip(b" \t").lower() for name in head.connection.split(b",")}
    return b"upgrade" in options and head.minor == 1 and head.method == b"GET" and head.body == NO_BODY


def _use_via(head: RequestHead, value: bytes) -> None:
    head.via = head.via + b", " + value if head.via else value


def _use_origin(head: RequestHead, value: bytes) -> None:
    head.origin = value


def _use_preflight_method(head: RequestHead, value: bytes) -> None:
    head.preflight_method = value


def _use_preflight_headers(head: RequestHead, value: bytes) -> None:
    head.preflight_headers = value


_RARE: Final[dict[int, Callable[[RequestHead, bytes], None]]] = {
    LENGTH: _use_length,
    CODING: _use_coding,
    EXPECT: _use_expect,
    TRACEPARENT: _use_traceparent,
    TRACESTATE: _use_tracestate,
    UPGRADE: _use_upgrade,
    VIA: _use_via,
    ORIGIN: _use_origin,
    PREFLIGHT_METHOD: _use_preflight_method,
    PREFLIGHT_HEADERS: _use_preflight_headers,
}


def _drop_connection_fields(head: RequestHead, names: bytes) -> None:
    """Obey Connection: persistence, and the fields it declares to be of this hop."""
    options = {name.strip(b" \t") for name in names.split(b",")} - {b""}
    if b"close" in options:
        head.is_persistent = False
    elif b"keep-alive" in options:
        head.is_persistent = True
    named = options - {b"close", b"keep-alive"}
    if named:
        head.lines = [line for line in head.lines if line.partition(b":")[0].lower() not in named]
        head.keys = [key for key in head.keys or () if key[0] not in named] or None
