"""Writes heads: the one an upstream gets, and the one a client gets."""

from __future__ import annotations

from gateway_sync.messages import CHUNKED, NO_BODY, SIZED, UNTIL_CLOSE, RequestHead, ResponseHead
from gateway_sync.runtime.core.index import VersionEntry
from gateway_sync.runtime.core.targets import TargetEntry


def forwarded_lines(address: str, host: bytes, port: int, *, is_tls: bool) -> bytes:
    """Forwarded (RFC 7239) and its older X- forms, each ended by CRLF; the same for a connection and host."""
    proto = b"https" if is_tls else b"http"
    peer = address.encode()
    node = b'"[%s]"' % peer if b":" in peer else peer
    return (
        b'Forwarded: for=%s;host="%s";proto=%s\r\nX-Forwarded-For: %s\r\nX-Forwarded-Host: %s\r\n'
        b"X-Forwarded-Proto: %s\r\nX-Forwarded-Port: %d\r\n" % (node, host, proto, peer, host, proto, port)
    )


def upstream_head(
    head: RequestHead,
    target: TargetEntry,
    path: bytes,
    hop_lines: bytes,
    request_id: bytes,
    trace_lines: bytes,
    pseudonym: bytes,
) -> bytes:
    """The head of the request to the upstream, its framing written anew.

    Shapes: path is canonical and without the public prefix; hop_lines is forwarded_lines; trace_lines is what
    core.trace_context wrote, b"" for none.
    """
    via = head.via + b", " if head.via else b""
    own = b"" if head.body == NO_BODY else _upstream_framing(head)
    version = b"1.1 " if head.minor else b"1.0 "
    parts = (
        head.method, b" ", target.base_path, path, head.query, b" HTTP/1.1\r\n", target.host_field, b"\r\n",
        head.block(), hop_lines, b"Via: ", via, version, pseudonym, b"\r\nX-Request-Id: ", request_id,
        b"\r\n", trace_lines, own, b"\r\n",
    )  # fmt: skip
    return b"".join(parts)  # a format would take twice as long


def _upstream_framing(head: RequestHead) -> bytes:
    return b"Content-Length: %d\r\n" % head.content_length if head.body == SIZED else b"Transfer-Encoding: chunked\r\n"


def client_head(
    answer: ResponseHead,
    version: VersionEntry,
    request: RequestHead,
    limit_lines: bytes,
    request_id: bytes,
    pseudonym: bytes,
) -> tuple[bytes, int, bool]:
    """The head of the answer to the client, how its body is framed there, and whether the connection ends with it."""
    if request.is_persistent and request.minor and version.is_plain:
        if answer.prepared is None:
            framing, mode, _ = _client_framing(answer, request)
            answer.prepared = _client_start(answer, answer.lines, pseudonym) + framing, mode
        start, mode = answer.prepared
        return b"".join((start, limit_lines, b"X-Request-Id: ", request_id, b"\r\n\r\n")), mode, False
    framing, mode, is_closing = _client_framing(answer, request)
    if is_closing:
        framing += b"Connection: close\r\n"
    elif request.minor == 0:
        framing += b"Connection: keep-alive\r\n"
    start = _client_start(answer, [*answer.lines, *version.lifecycle_lines, *cors_lines(version, request)], pseudonym)
    return b"".join((start, framing, limit_lines, b"X-Request-Id: ", request_id, b"\r\n\r\n")), mode, is_closing


def switching_head(
    answer: ResponseHead, protocol: str, limit_lines: bytes, request_id: bytes, pseudonym: bytes
) -> bytes:
    """The head of a 101 to the client (RFC 9110 section 7.8)."""
    start = _client_start(answer, answer.lines, pseudonym)
    name = protocol.encode()
    return b"%sConnection: Upgrade\r\nUpgrade: %s\r\n%sX-Request-Id: %s\r\n\r\n" % (
        start, name, limit_lines, request_id,
    )  # fmt: skip


def _client_start(answer: ResponseHead, lines: list[bytes], pseudonym: bytes) -> bytes:
    """Status line, fields and Via, each line with its end."""
    kept = b"\r\n".join(lines) + b"\r\n" if lines else b""
    return b"HTTP/1.1 %d %s\r\n%sVia: 1.%d %s\r\n" % (answer.status, answer.reason, kept, answer.minor, pseudonym)


def _client_framing(answer: ResponseHead, request: RequestHead) -> tuple[bytes, int, bool]:
    is_closing = not request.is_persistent
    if answer.body == SIZED:
        return b"Content-Length: %d\r\n" % answer.content_length, SIZED, is_closing
    if answer.body == NO_BODY:
        # RFC 9110 section 8.6: not in 1xx and 204; for HEAD and 304 it tells the length a GET would have.
        if answer.content_length < 0 or answer.status == 204:  # noqa: PLR2004
            return b"", NO_BODY, is_closing
        return b"Content-Length: %d\r\n" % answer.content_length, NO_BODY, is_closing
    if request.minor == 0:
        return b"", UNTIL_CLOSE, True
    return b"Transfer-Encoding: chunked\r\n", CHUNKED, is_closing


def cors_lines(version: VersionEntry | None, request: RequestHead) -> tuple[bytes, ...]:
    """The CORS lines of an answer to a page of another origin."""
    if version is None or version.cors is None or not request.origin:
        return ()
    origin = request.origin.decode("latin-1")
    if not version.cors.admits(origin):
        return ()
    return tuple(f"{name}: {value}".encode("latin-1") for name, value in version.cors.response_fields(origin))
