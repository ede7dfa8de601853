"""Reads and writes traceparent and tracestate. Source: W3C Trace Context, level 1.

What is malformed is as if it were not there: a broken traceparent takes the tracestate with it, not the other way.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
_KEY: Final = rb"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_MEMBER: Final = re.compile(_KEY + rb"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MOST_MEMBERS: Final = 32
_MOST_BYTES: Final = 512
_SAMPLED: Final = 1


class Parent(NamedTuple):
    """Who called, as its traceparent says. Ids in hex."""

    trace_id: str
    span_id: str
    is_sampled: bool


def parse_traceparent(value: bytes) -> Parent | None:
    """The caller's place in its trace; None for anything malformed.

    A version that is not known yet may have more after a fourth dash; version 00 may not.
    """
    match = _TRACEPARENT.fullmatch(value)
    if match is None or (match[1] == b"00" and match[5] is not None):
        return None
    return Parent(match[2].decode(), match[3].decode(), bool(int(match[4], 16) & _SAMPLED))


def parse_tracestate(value: bytes) -> bytes:
    """The members in their order, without space around and empty ones; b"" for anything malformed or too long."""
    if not value or len(value) > _MOST_BYTES:
        return b""
    members = [member for each in value.split(b",") if (member := each.strip(b" \t"))]
    keys = {member.partition(b"=")[0] for member in members}
    if len(members) > _MOST_MEMBERS or len(keys) != len(members):
        return b""
    return b",".join(members) if all(_MEMBER.fullmatch(member) for member in members) else b""


def traceparent_of(trace_id: str, span_id: str, *, is_sampled: bool) -> bytes:
    """The value for the next hop."""
    return b"00-%s-%s-%02x" % (trace_id.encode(), span_id.encode(), is_sampled)


def trace_lines(traceparent: bytes, tracestate: bytes = b"") -> bytes:
    """The field lines for the next hop, each ended by CRLF."""
    state = b"tracestate: %s\r\n" % tracestate if tracestate else b""
    return b"traceparent: %s\r\n%s" % (traceparent, state)


def lines_passed_on(traceparent: bytes, tracestate: bytes) -> bytes:
    """The lines of a caller's context that this hop has no part in; b"" when it is malformed."""
    if parse_traceparent(traceparent) is None:
        return b""
    return trace_lines(traceparent, parse_tracestate(tracestate))
