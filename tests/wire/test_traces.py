"""What gateways tell of single calls: refused, failed and repeated ones always, others by a sample; and no secrets."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway_sync.policies import read_policy, write_policy
from gateway_sync.problems import Where
from gateway_sync.runtime.trace_ring import DATA_BYTES
from gateway_sync.snapshot import Policy, Target
from gateway_sync.trace_wire import CallTrace
from tests.ports import free_ports
from tests.waiting import wait_until
from tests.wire.collectors import Collector, attributes_of
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream, answer_with

SECRET = "hunter2-never-told"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
STEPPED = (
    ("request-headers", {"set": {"X-Internal": SECRET}}),
    ("query", {"set": {"token": SECRET}}),
    ("fixed-answer", {"status": 503, "operations": ["GET /users/me"]}),
    ("fixed-answer", {"status": 418, "shadow": True}),
    ("response-headers", {"set": {"X-Seen": SECRET}}),
)


class Place(NamedTuple):
    """A gateway, what it tells, and what is behind it."""

    gateway: GatewayProcess
    control: KeepingControlPlane
    upstream: RawUpstream
    collector: Collector


def policy_of(kind: str, settings: dict[str, object], where: str = "version") -> Policy:
    policy, problems = read_policy(kind, settings, Where(where, "id"))
    assert policy is not None, problems
    return Policy(kind, write_policy(policy))


@pytest.fixture(scope="module")
def place(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One worker: v1 is plain, v2 has a dead target and a good one, v3 has steps, v4 has a service that is not there.

    No call is sampled by itself; spans are sent of callers that sampled theirs.
    """
    home = Home(tmp_path_factory.mktemp("traces"))
    (closed,) = free_ports(1)
    dead, good = (Target("http", "127.0.0.1", port, "/base", 100) for port in (closed, upstream.port))
    settings: dict[str, object] = {"balancing": {}, "retries": {"budget": 100}}
    steps = tuple(policy_of(kind, dict(given)) for kind, given in STEPPED)
    v1 = make_version(upstream.port)
    v2 = replace(v1, id="ver_2", name="v2", targets=(dead, good), upstream=settings)
    v3 = replace(v1, id="ver_3", name="v3", policies=steps)
    v4 = replace(v1, id="ver_4", name="v4", targets=(dead,))
    tracing = policy_of("tracing", {"successes": 0, "oneIn": 0, "parents": 1000}, "environment")
    snapshot = make_snapshot([v1, v2, v3, v4], environment=make_environment(policies=(tracing,)))
    with KeepingControlPlane(home) as control, Collector() as collector:
        control.publish(snapshot)
        control.change(home.records())
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20for-the-collector",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
        }
        gateway = GatewayProcess(home, variables=variables)
        try:
            yield Place(gateway.wait_ready(), control, upstream, collector)
        finally:
            gateway.stop()


def call(place: Place, path: str, *lines: str, key: str = KEY, body: bytes = b"") -> tuple[int, str]:
    """The status of a call, and its id."""
    method = "POST" if body else "GET"
    given = [f"{method} {path} HTTP/1.1", "Host: a", f"X-API-Key: {key}", f"X-Private: {SECRET}", *lines]
    given += [f"Content-Length: {len(body)}"] if body else []
    with RawClient(place.gateway.port) as client:
        status, head, _ = client.send("\r\n".join([*given, "", ""]).encode() + body).read_answer()
    found = re.search(rb"X-Request-Id: (\S+)", head)
    assert found is not None
    return status, found[1].decode()


def told(place: Place, request_id: str) -> CallTrace:
    wait_until(lambda: request_id in place.control.traces, f"the trace of {request_id}")
    return place.control.traces[request_id]


def decisions(trace: CallTrace) -> dict[str, str]:
    return {met.kind: met.done for met in trace.policies if not met.is_answer and not met.is_shadow}


def test_a_refused_call_is_explained_and_a_plain_success_is_not_told(place: Place) -> None:
    status, good = call(place, "/bank/v1/accounts")
    assert status == 200
    status, refused = call(place, f"/bank/v1/closed?token={SECRET}")
    assert status == 403
    trace = told(place, refused)
    assert (trace.reason, trace.code, trace.status) == ("refused", "no-subscription", 403)
    assert (trace.method, trace.path, trace.operation) == ("GET", "/bank/v1/closed", "GET /closed")
    assert (trace.application, trace.credential, trace.version_id) == ("app_1", "crd_1", "ver_1")
    assert decisions(trace) == {
        "route": "passed",
        "address": "passed",
        "key-auth": "passed",
        "caller": "passed",
        "subscription": "refused",
        "limits": "unreached",
    }
    assert trace.policies[-2].us >= 0
    assert trace.tries == []
    assert (trace.revision, trace.slot, trace.protocol, trace.scheme) == (1, 0, "HTTP/1.1", "http")
    assert good not in place.control.traces  # it came before the other, and would have been told with it


@pytest.mark.parametrize(
    ("path", "key", "code", "stage"),
    [
        ("/bank/v1/accounts", "apim_live_wrong", "unauthenticated", "key-auth"),
        ("/bank/v1/nowhere", KEY, "not-found", "route"),
        ("/nothing/here", KEY, "not-found", "route"),
    ],
)
def test_calls_of_nobody_are_explained_too(place: Place, path: str, key: str, code: str, stage: str) -> None:
    _, request_id = call(place, path, key=key)
    trace = told(place, request_id)
    assert trace.code == code
    assert [met.kind for met in trace.policies if met.done == "refused"] == [stage]


def test_bytes_that_are_no_request_are_explained(place: Place) -> None:
    with RawClient(place.gateway.port) as client:
        _, head, _ = client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").read_answer()
    found = re.search(rb"X-Request-Id: (\S+)", head)
    assert found is not None
    trace = told(place, found[1].decode())
    assert (trace.code, trace.status, trace.detail) == ("bad-request", 400, "The Host header is malformed or doubled.")


def test_a_failed_call_names_the_target_and_what_failed(place: Place) -> None:
    status, request_id = call(place, "/bank/v4/accounts")
    assert status == 502
    trace = told(place, request_id)
    (tried,) = trace.tries
    assert (trace.reason, tried.outcome, tried.status) == ("failed", "unreachable", 0)
    assert tried.target.startswith("http://127.0.0.1:")
    assert tried.path == "/base/accounts"
    assert tried.connect_us >= 0
    assert decisions(trace)["limits"] == "passed"


def test_a_call_that_was_tried_again_tells_each_try_and_why(place: Place) -> None:
    ids: list[str] = []

    def is_told() -> bool:
        # A target that could not be reached a moment ago, as for another test, is tried last: until it is the first.
        status, request_id = call(place, "/bank/v2/accounts")
        assert status == 200
        ids.append(request_id)
        return any(known in place.control.traces for known in ids)

    wait_until(is_told, "the trace", pause_s=0.2)
    trace = next(place.control.traces[request_id] for request_id in ids if request_id in place.control.traces)
    assert trace.reason == "retried"
    assert [(tried.outcome, tried.retry, tried.status) for tried in trace.tries] == [
        ("unreached", "unreached", 0),
        ("answered", "", 200),
    ]
    assert trace.tries[0].target != trace.tries[1].target
    assert trace.tries[1].first_byte_us >= 0
    assert trace.tries[1].at_us >= trace.tries[0].at_us
    assert trace.body_us >= 0


def test_a_status_that_is_tried_again_is_named(place: Place) -> None:
    answers = [BUSY]

    def fail_once(peer: socket.socket, request: bytes) -> bool:
        return answer_with(answers.pop() if answers else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(peer, request)

    place.upstream.script = fail_once
    ids = []
    while answers or not ids:
        ids.append(call(place, "/bank/v2/accounts")[1])
    trace = told(place, ids[-1])
    assert "status 503" in [tried.retry for tried in trace.tries]


def test_a_step_that_answers_is_told_and_those_after_it_were_not_met(place: Place) -> None:
    status, request_id = call(place, "/bank/v3/users/me")
    assert status == 503
    trace = told(place, request_id)
    assert decisions(trace)["fixed-answer"] == "answered"
    assert {decisions(trace)[kind] for kind in ("request-headers", "query")} == {"unreached"}
    assert trace.tries == []


def sampled(place: Place, path: str, *lines: str) -> tuple[CallTrace, str]:
    """The trace of a call whose caller, an OpenTelemetry program, samples it; and the caller's traceparent."""
    provider = TracerProvider()
    span = provider.get_tracer("a caller").start_span("a call")
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
    status, request_id = call(place, path, f"traceparent: {carrier['traceparent']}", *lines)
    assert status == 200
    return told(place, request_id), carrier["traceparent"]


def test_a_sampled_call_tells_each_policy_with_its_time_and_the_service_is_told_the_trace(place: Place) -> None:
    trace, parent = sampled(place, "/bank/v3/accounts?token=mine", "tracestate: vendor=1")
    assert (trace.reason, trace.status) == ("sampled", 200)
    met = {(each.kind, each.is_answer): each for each in trace.policies if not each.is_shadow}
    for kind in ("request-headers", "query"):
        assert met[kind, False].done == "changed"
        assert met[kind, False].us >= 0
    assert met["response-headers", True].done == "changed"
    assert [(each.kind, each.done) for each in trace.policies if each.is_shadow] == [("fixed-answer", "answered")]
    assert trace.span is not None
    assert (trace.span.trace_id, trace.span.parent_id) == tuple(parent.split("-")[1:3])
    sent = place.upstream.requests[-1]
    (tried,) = trace.tries
    assert f"traceparent: 00-{trace.span.trace_id}-{tried.span_id}-01\r\ntracestate: vendor=1\r\n".encode() in sent
    assert len({trace.span.span_id, trace.span.parent_id, tried.span_id}) == 3


def test_the_collector_gets_a_span_of_the_call_and_one_of_each_try(place: Place) -> None:
    trace, parent = sampled(place, "/bank/v1/accounts/7")
    trace_id = bytes.fromhex(parent.split("-")[1])
    wait_until(lambda: len([each for each in place.collector.spans if each.trace_id == trace_id]) == 2, "the spans")
    server, client = [each for each in place.collector.spans if each.trace_id == trace_id]
    assert (server.kind, client.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert server.parent_span_id.hex() == parent.split("-")[2]
    assert client.parent_span_id == server.span_id
    assert (server.name, client.name) == ("GET /bank/v1/accounts/{id}", "GET")
    told_of = attributes_of(server)
    assert told_of["http.request.method"] == "GET"
    assert told_of["http.route"] == "/bank/v1/accounts/{id}"
    assert told_of["url.path"] == "/bank/v1/accounts/7"
    assert told_of["http.response.status_code"] == 200
    assert told_of["apim.request_id"] == trace.request_id
    assert attributes_of(client)["server.port"] == place.upstream.port
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano
    assert place.collector.resources[-1]["service.name"] == "apim-gateway"
    assert place.collector.resources[-1]["deployment.environment"] == "test"
    assert place.collector.fields[-1]["path"] == "/v1/traces"
    assert place.collector.fields[-1]["authorization"] == "Bearer for-the-collector"


def test_a_collector_that_is_busy_is_asked_again_and_nothing_is_lost(place: Place) -> None:
    place.collector.answers[:] = [503, 429]
    _, parent = sampled(place, "/bank/v1/accounts")
    trace_id = bytes.fromhex(parent.split("-")[1])
    wait_until(lambda: any(each.trace_id == trace_id for each in place.collector.spans), "the span, after two refusals")
    assert place.collector.answers == []


def test_a_caller_that_did_not_sample_is_passed_on_as_it_is(place: Place) -> None:
    parent = f"00-{'4b' * 16}-{'0f' * 8}-00"
    call(place, "/bank/v1/accounts", f"traceparent: {parent}", "tracestate: vendor=1")
    assert f"traceparent: {parent}\r\ntracestate: vendor=1\r\n".encode() in place.upstream.requests[-1]
    call(place, "/bank/v1/accounts", "traceparent: 00-nonsense", "tracestate: vendor=1")
    sent = place.upstream.requests[-1]
    assert b"tracestate" not in sent
    assert re.search(rb"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n", sent)


def test_nothing_that_a_caller_sent_or_a_policy_wrote_is_told(place: Place) -> None:
    sampled(place, f"/bank/v3/accounts?token={SECRET}")
    _, request_id = call(place, f"/bank/v3/users/me?token={SECRET}", body=b"")
    told(place, request_id)
    status, request_id = call(place, "/bank/v1/accounts", body=SECRET.encode())
    assert status == 200
    assert SECRET.encode() not in place.control.traces_told
    assert KEY.encode() not in place.control.traces_told


def test_a_flood_of_unknown_callers_fills_nothing_and_hides_no_refusal_of_a_known_one(place: Place) -> None:
    request = b"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: apim_live_wrong\r\n\r\n"
    before = len(place.control.traces)
    with RawClient(place.gateway.port) as client:
        for _ in range(20):
            client.send(request * 25)
            assert {client.read_answer()[0] for _ in range(25)} <= {401, 429}
    _, request_id = call(place, "/bank/v1/closed")
    assert told(place, request_id).code == "no-subscription"
    assert len(place.control.traces) - before < 400
    rings = list(place.gateway.home.state.glob("traces.*.ring"))
    assert [ring.stat().st_size < DATA_BYTES + 4096 for ring in rings] == [True]
    _, page = place.gateway.admin("/metrics")
    assert b"apim_traces_lost_total 0\n" in page
    later: list[str] = []

    def is_nobody_told_again() -> bool:  # the tests after this one may be of calls of nobody
        later.append(call(place, "/bank/v1/accounts", key="apim_live_wrong")[1])
        return any(known in place.control.traces for known in later)

    wait_until(is_nobody_told_again, "room for calls of nobody", pause_s=0.5)
