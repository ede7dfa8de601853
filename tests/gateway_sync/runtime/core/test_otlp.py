"""Spans as OpenTelemetry's own code reads them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway_sync.runtime.core.otlp import encode_spans, span_count
from gateway_sync.trace_wire import CallTrace, Part, SpanContext, Try
from tests.properties import patient

CONTEXT = SpanContext("4b" * 16, "0f" * 8, "0a" * 8, "vendor=1")
TRACE = CallTrace(
    "boot-1",
    1_700_000_000_000_000,
    "retried",
    502,
    9000,
    code="upstream-unreachable",
    method="GET",
    path="/bank/v1/accounts/7",
    operation="GET /accounts/{id}",
    protocol="HTTP/1.1",
    scheme="https",
    tries=[
        Try("http://10.0.0.1:9101", "unreached", 100, us=300, retry="unreached"),
        Try("http://[::1]:9102", "answered", 500, us=8000, status=200, arm="canary", path="/a", span_id="0c" * 8),
    ],
    parts=[Part("withdraw", "POST /withdrawals", "timeout", 700, us=1000)],
    span=CONTEXT,
)
_numbers = st.integers(0, 2**53 - 1)


def read(*traces: CallTrace) -> list[Span]:
    body = encode_spans(traces, {"service.name": "apim-gateway"}, "1.0")
    request = ExportTraceServiceRequest.FromString(body)
    (resource,) = request.resource_spans
    assert [each.key for each in resource.resource.attributes] == ["service.name"]
    (scope,) = resource.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("apim.gateway", "1.0")
    return list(scope.spans)


def test_a_call_is_a_server_span_and_each_try_and_step_a_client_span() -> None:
    server, first, second, step = read(TRACE)
    assert span_count(TRACE) == 4
    assert {each.trace_id.hex() for each in (server, first, second, step)} == {"4b" * 16}
    assert (server.span_id.hex(), server.parent_span_id.hex(), server.trace_state) == ("0f" * 8, "0a" * 8, "vendor=1")
    assert (server.kind, server.name) == (Span.SPAN_KIND_SERVER, "GET /bank/v1/accounts/{id}")
    assert server.status.code == Status.STATUS_CODE_ERROR
    assert server.flags == 0x301  # sampled; its parent is remote, and that is known
    assert server.end_time_unix_nano - server.start_time_unix_nano == 9_000_000
    assert [each.parent_span_id for each in (first, second, step)] == [server.span_id] * 3
    assert second.span_id.hex() == "0c" * 8
    assert len({each.span_id for each in (server, first, second, step)}) == 4
    assert first.start_time_unix_nano == server.start_time_unix_nano + 100_000
    assert [each.status.code for each in (first, second, step)] == [2, 0, 2]
    named = [
        {a.key: a.value.string_value or a.value.int_value for a in each.attributes} for each in (server, first, second)
    ]
    assert named[0]["error.type"] == "upstream-unreachable"
    assert named[0]["url.scheme"] == "https"
    assert named[1]["error.type"] == "unreached"
    assert (named[2]["server.address"], named[2]["server.port"], named[2]["http.request.resend_count"]) == (
        "::1",
        9102,
        1,
    )
    assert "http.response.status_code" not in named[1]


def test_what_is_no_part_of_a_distributed_trace_is_no_span() -> None:
    assert read(CallTrace("boot-1", 1, "refused", 401, 10)) == []


@patient
@given(_numbers, st.integers(0, 2**31), st.text(max_size=40), st.integers(0, 999))
def test_any_values_are_read_back(at_us: int, duration_us: int, text: str, status: int) -> None:
    path = text.encode(errors="replace").decode()
    trace = CallTrace("id", at_us, "sampled", status, duration_us, path=path, request_bytes=at_us, span=CONTEXT)
    (span,) = read(trace)
    attributes = {each.key: each.value for each in span.attributes}
    assert span.start_time_unix_nano == at_us * 1000
    assert span.end_time_unix_nano == (at_us + duration_us) * 1000
    assert attributes["url.path"].string_value == path if path else "url.path" not in attributes
    assert attributes["http.request.body.size"].int_value == at_us if at_us else True
