"""Trailer fields of requests: what a head may not hold, or must have held, is not brought in after the body."""

from __future__ import annotations

import pytest

from gateway_sync.messages import FramingError
from gateway_sync.runtime.core.field_lines import FieldLines
from gateway_sync.runtime.core.request_trailers import forwarded_trailers

FIELDS = FieldLines(frozenset({b"x-api-key"}))


def test_what_a_service_may_learn_late_goes_on_as_it_was_written() -> None:
    lines = b"X-Sum: 7\r\nDigest:sha-256=abc\r\nServer-Timing: a;dur=1\r\n"
    assert forwarded_trailers(lines, FIELDS) == lines
    assert forwarded_trailers(b"", FIELDS) == b""


@pytest.mark.parametrize(
    "name",
    [
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "TE", "Trailer", "Authorization",
        "X-API-Key", "x_api_key",
        "Cookie", "X-User", "X_User", "X-Forwarded-For", "X_Forwarded_For", "X-Consumer-Id", "X-Authenticated-User",
        "Content-Type", "Content-Encoding", "If-Match", "Range", "Expect", "Via", "Upgrade", "X-Http-Method-Override",
        "traceparent", "X-Request-Id", "Client-Cert", "Origin", "Access-Control-Request-Method", "Max-Forwards",
    ],
)  # fmt: skip
def test_what_frames_routes_or_says_who_calls_does_not(name: str) -> None:
    kept = forwarded_trailers(f"X-A: 1\r\n{name}: x\r\nX-B: 2\r\n".encode(), FIELDS)
    assert kept == b"X-A: 1\r\nX-B: 2\r\n"


def test_what_is_no_field_line_is_refused() -> None:
    with pytest.raises(FramingError):
        forwarded_trailers(b"X-A: \x00\r\n", FIELDS)
