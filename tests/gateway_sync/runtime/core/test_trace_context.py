"""W3C Trace Context: strict reading, and what goes on to the next hop."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.runtime.core.trace_context import (
    Parent,
    lines_passed_on,
    parse_traceparent,
    parse_tracestate,
    trace_lines,
    traceparent_of,
)
from tests.properties import patient

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_hex = st.text("0123456789abcdef", min_size=1)
_trace_ids = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: text.strip("0"))
_span_ids = st.text("0123456789abcdef", min_size=16, max_size=16).filter(lambda text: text.strip("0"))


@patient
@given(_trace_ids, _span_ids, st.booleans())
def test_what_is_written_is_read_back(trace_id: str, span_id: str, is_sampled: bool) -> None:
    written = traceparent_of(trace_id, span_id, is_sampled=is_sampled)
    assert parse_traceparent(written) == Parent(trace_id, span_id, is_sampled)


@patient
@given(st.binary(max_size=70))
def test_any_bytes_are_read_without_an_error_and_nearly_none_are_a_parent(value: bytes) -> None:
    parent = parse_traceparent(value)
    if parent is not None:
        assert re.fullmatch(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", value, re.DOTALL)


@patient
@given(_trace_ids, _span_ids, st.integers(0, 255), st.integers(0, 54), st.sampled_from(b"gG-AFz \x00\xff"))
def test_one_wrong_character_makes_it_malformed(
    trace_id: str, span_id: str, flags: int, place: int, wrong: int
) -> None:
    written = bytearray(b"00-%s-%s-%02x" % (trace_id.encode(), span_id.encode(), flags))
    if written[place] != wrong:
        written[place] = wrong
        assert parse_traceparent(bytes(written)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("empty", b""),
        ("version ff", f"ff-{TRACE}-{SPAN}-01".encode()),
        ("no trace", f"00-{'0' * 32}-{SPAN}-01".encode()),
        ("no span", f"00-{TRACE}-{'0' * 16}-01".encode()),
        ("upper case", f"00-{TRACE.upper()}-{SPAN}-01".encode()),
        ("more in version 00", f"00-{TRACE}-{SPAN}-01-more".encode()),
        ("no dash before more", f"cc-{TRACE}-{SPAN}-01more".encode()),
        ("short", f"00-{TRACE}-{SPAN}-0".encode()),
        ("space", f" 00-{TRACE}-{SPAN}-01".encode()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_traceparent_is_none(name: str, value: bytes) -> None:
    assert parse_traceparent(value) is None, name
    assert lines_passed_on(value, b"a=1") == b""


def test_a_later_version_may_say_more() -> None:
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01-what-comes".encode()) == Parent(TRACE, SPAN, is_sampled=True)
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-fe".encode()) == Parent(TRACE, SPAN, is_sampled=False)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b"a=1", b"a=1"),
        (b"a=1, b=2 ,\tc=3", b"a=1,b=2,c=3"),
        (b"a=1,,b=2,", b"a=1,b=2"),
        (b"tenant@system=x y", b"tenant@system=x y"),
        (b"0tenant@s=1", b"0tenant@s=1"),
        (b"a=1,a=2", b""),
        (b"A=1", b""),
        (b"0a=1", b""),
        (b"a", b""),
        (b"a=", b""),
        (b"a=b=c", b""),
        (b"a=\x01", b""),
        (b"a=" + b"x" * 257, b""),
        (b",".join(b"k%d=1" % number for number in range(33)), b""),
        (b"a=" + b"x" * 600, b""),
    ],
    ids=[f"state-{number}" for number in range(15)],
)
def test_tracestate_is_kept_whole_or_not_at_all(value: bytes, read: bytes) -> None:
    assert parse_tracestate(value) == read


@patient
@given(st.binary(max_size=600))
def test_no_tracestate_breaks_the_head_that_it_is_written_to(value: bytes) -> None:
    lines = trace_lines(b"00", parse_tracestate(value))
    assert lines.count(b"\n") == lines.count(b"\r\n") == len(lines.split(b"\r\n")) - 1
    assert parse_tracestate(parse_tracestate(value)) == parse_tracestate(value)
