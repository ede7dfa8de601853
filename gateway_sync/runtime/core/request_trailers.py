"""Trailer fields of requests: which of them a service is told.

Whatever may not stand in a head may not come after a body either, nor may what a service would have had to know before
it (RFC 9110 section 6.5.1). Where policies write fields no trailer field passes: one of the same name would come later.
"""

from __future__ import annotations

from typing import Final

from gateway_sync.runtime.core.field_lines import FORWARD, FieldLines

# Framing, routing, request modifiers, authentication, content.
_OF_HEADS: Final = frozenset({
    b"age", b"authentication-info", b"authorization", b"cache-control", b"connection", b"content-encoding",
    b"content-language", b"content-length", b"content-location", b"content-range", b"content-type", b"cookie", b"date",
    b"expect", b"expires", b"host", b"keep-alive", b"max-forwards", b"origin", b"pragma", b"priority",
    b"proxy-authorization", b"range", b"referer", b"set-cookie", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    b"user-agent", b"vary", b"via",
})  # fmt: skip
_OF_HEADS_PREFIXES: Final = (b"if-", b"accept", b"access-control-", b"sec-", b"x-forwarded", b"x-http-method")


def forwarded_trailers(lines: bytes, fields: FieldLines) -> bytes:
    """The lines that go on, with their ends. Errors: FramingError for what is no field line."""
    return b"".join(
        line + b"\r\n"
        for line in lines.split(b"\r\n")
        if line and not _is_of_head(line) and fields.judge(line).kind == FORWARD
    )


def _is_of_head(line: bytes) -> bool:
    name = line.partition(b":")[0].strip().lower().replace(b"_", b"-")
    return name in _OF_HEADS or name.startswith(_OF_HEADS_PREFIXES)
