"""Reads the head of an upstream's answer and maps what it says about addresses back to the public ones.

An upstream is not trusted either: strict framing (RFC 9112 section 6.3), and no field may tell where it lives.
"""

from __future__ import annotations

import re
from typing import Final

from gateway_sync.messages import CHUNKED, NO_BODY, SIZED, UNTIL_CLOSE, FramingError, ResponseHead
from gateway_sync.runtime.core.public_links import PublicLinks

MAX_FIELDS: Final = 200
REMEMBERED_LINES: Final = 4096
REMEMBERED_STATUSES: Final = 256
REMEMBERED_BYTES: Final = 512
REMEMBERED_HEADS: Final = 256
REMEMBERED_HEAD_BYTES: Final = 1024

_FIELD: Final = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*"
    rb"((?:[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")

# Of this hop; or said by the gateway itself; or about the server behind it.
_DROPPED: Final = frozenset({
    b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"proxy-authenticate",
    b"proxy-authentication-info", b"server", b"via",
    b"x-request-id", b"alt-svc", b"x-powered-by", b"x-served-by", b"x-backend-server", b"x-upstream",
    b"x-accel-redirect", b"ratelimit", b"ratelimit-policy",
    b"proxy-status",
    # Said of the whole host, which is the gateway's and not one API's.
    b"clear-site-data", b"service-worker-allowed", b"strict-transport-security", b"public-key-pins", b"report-to",
    b"reporting-endpoints", b"nel", b"origin-agent-cluster", b"accept-ch", b"critical-ch",
})  # fmt: skip
_LINKS: Final = frozenset({b"location", b"content-location", b"link", b"refresh", b"set-cookie"})

# What a line is for.
FORWARD: Final = 0
DROP: Final = 1
MAPPED: Final = 2
LENGTH: Final = 3
CODING: Final = 4
CONNECTION: Final = 5


class Verdict:
    """What a line is for, with its value; of a mapped one that is the whole new line."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: int, value: bytes = b"") -> None:
        """kind is one of the constants above."""
        self.kind = kind
        self.value = value


_FORWARD: Final = Verdict(FORWARD)
_DROP: Final = Verdict(DROP)


class AnswerLines:
    """Judges the field lines of the answers of one version's upstream."""

    def __init__(self, links: PublicLinks) -> None:
        """links maps addresses of the upstream to public ones."""
        self.heads: dict[bytes, ResponseHead] = {}
        self.seen: dict[bytes, Verdict] = {}
        self.statuses: dict[bytes, tuple[int, int, bytes]] = {}
        self._links = links

    def judge_status(self, line: bytes) -> tuple[int, int, bytes]:
        """(minor version, status, reason) of a status line. Errors: FramingError."""
        match = _STATUS.fullmatch(line)
        if match is None:
            raise FramingError("upstream-invalid", "The upstream sent no HTTP/1.1 answer.")
        if len(self.statuses) >= REMEMBERED_STATUSES:
            self.statuses.clear()
        read = self.statuses[line] = (1 if match[1] == b"1" else 0, int(match[2]), self._reason(match[3]))
        return read

    def _reason(self, words: bytes | None) -> bytes:
        return b"" if words is None or self._links.is_leaking(words) else words

    def judge(self, line: bytes) -> Verdict:
        """The verdict on a line that is not remembered. Errors: FramingError when it is no field line."""
        match = _FIELD.fullmatch(line)
        if match is None:
            raise FramingError("upstream-invalid", "The upstream sent a malformed header line.")
        name, value = match[1].lower(), match[2]
        verdict = self._judge_field(match[1], name, value)
        if verdict.kind != CODING and name != b"set-cookie" and len(line) <= REMEMBERED_BYTES:
            if len(self.seen) >= REMEMBERED_LINES:
                self.seen.clear()
            self.seen[line] = verdict
        return verdict

    def _judge_field(self, name: bytes, lower: bytes, value: bytes) -> Verdict:
        if lower == b"content-length":
            return Verdict(LENGTH, value)
        if lower == b"transfer-encoding":
            return Verdict(CODING, value)
        if lower == b"connection":
            return Verdict(CONNECTION, value)
        if lower in _DROPPED:
            return _DROP
        if lower in _LINKS:
            mapped = self._links.public_value(lower, value)
            return _DROP if mapped is None else Verdict(MAPPED, name + b": " + mapped)
        return _DROP if self._links.is_leaking(value) else _FORWARD


def read_response_head(block: bytes, fields: AnswerLines, *, is_head: bool) -> ResponseHead:
    """The head of an answer, given its bytes without the final empty line; the same bytes give the same object again.

    Shapes: is_head says that the request was HEAD, whose answers have no body whatever their fields say.
    Errors: FramingError (upstream-invalid).
    """
    if is_head:
        return _read_lines(block.split(b"\r\n"), fields, is_head=True)
    head = fields.heads.get(block)
    if head is None:
        head = _read_lines(block.split(b"\r\n"), fields, is_head=False)
        # Cookies are for one caller: such a head does not come again, and is none of the next one's business.
        if len(block) <= REMEMBERED_HEAD_BYTES and b"set-cookie" not in block.lower():
            if len(fields.heads) >= REMEMBERED_HEADS:
                fields.heads.clear()
            fields.heads[block] = head
    return head


def _read_lines(lines: list[bytes], fields: AnswerLines, *, is_head: bool) -> ResponseHead:  # noqa: C901 - one pass, hot
    head = ResponseHead()
    if len(lines) > MAX_FIELDS:
        raise FramingError("upstream-invalid", "The upstream sent too many header fields.")
    head.minor, head.status, head.reason = fields.statuses.get(lines[0]) or fields.judge_status(lines[0])
    head.is_persistent = head.minor == 1
    keep = head.lines.append
    seen = fields.seen.get
    named = b""
    is_chunked = False
    del lines[0]
    for line in lines:
        verdict = seen(line) or fields.judge(line)
        kind, value = verdict.kind, verdict.value
        if kind == FORWARD:
            keep(line)
        elif kind != DROP:
            if kind == MAPPED:
                keep(value)
            elif kind == LENGTH:
                if head.content_length >= 0 or _DIGITS.fullmatch(value) is None:
                    raise FramingError("upstream-invalid", "The upstream sent a malformed Content-Length.")
                head.content_length = int(value)
            elif kind == CONNECTION:
                named = named + b"," + value if named else value
            elif is_chunked or value.lower() != b"chunked" or head.minor == 0:
                raise FramingError("upstream-invalid", "The upstream used a transfer coding other than chunked.")
            else:
                is_chunked = True
    if named and (named != b"keep-alive" or head.minor == 0):
        _obey_connection(head, named.lower())
    _decide_body(head, is_head=is_head, is_chunked=is_chunked)
    return head


def _decide_body(head: ResponseHead, *, is_head: bool, is_chunked: bool) -> None:
    """How the body is delimited (RFC 9112 section 6.3)."""
    status = head.status
    if is_chunked and head.content_length >= 0:
        raise FramingError("upstream-invalid", "The upstream sent Content-Length and Transfer-Encoding.")
    if status < 200 or status == 204:  # noqa: PLR2004 - neither may say how long a body is (RFC 9112 section 6.1)
        if is_chunked or head.content_length > 0:
            raise FramingError("upstream-invalid", "The upstream announced a body where none may be.")
        head.body = NO_BODY
    elif is_head or status == 304:  # noqa: PLR2004 - RFC 9112 section 6.3
        head.body = NO_BODY
    elif is_chunked:
        head.body = CHUNKED
    elif head.content_length >= 0:
        head.body = SIZED if head.content_length else NO_BODY
    else:
        head.body = UNTIL_CLOSE
        head.is_persistent = False


def _obey_connection(head: ResponseHead, names: bytes) -> None:
    options = {name.strip(b" \t") for name in names.split(b",")} - {b""}
    if b"close" in options:
        head.is_persistent = False
    elif b"keep-alive" in options:
        head.is_persistent = True
    named = options - {b"close", b"keep-alive"}
    if named:
        head.lines = [line for line in head.lines if line.partition(b":")[0].lower() not in named]
