"""The exporter of spans: its variables, its bounds, its patience."""

from __future__ import annotations

import threading

import pytest

from gateway_sync.runtime import span_exporter
from gateway_sync.runtime.span_exporter import Collector, CollectorInvalid, SpanExporter, read_collector
from gateway_sync.trace_wire import CallTrace, SpanContext, Try
from tests.ports import free_ports
from tests.waiting import PATIENCE_S
from tests.wire.collectors import Collector as Receiver


def trace(number: int) -> CallTrace:
    span = SpanContext("4b" * 16, f"{number + 1:016x}")
    return CallTrace(f"id-{number}", 1, "sampled", 200, 10, tries=[Try("http://a:1", "answered", 0)], span=span)


def test_nothing_is_sent_unless_a_collector_is_named() -> None:
    assert read_collector({}).url == ""
    base = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"}
    assert read_collector(base).url == "http://collector:4318/v1/traces"
    assert read_collector(base | {"OTEL_SDK_DISABLED": "true"}).url == ""
    assert read_collector(base | {"OTEL_TRACES_EXPORTER": "none"}).url == ""


def test_the_variables_mean_what_they_mean_elsewhere() -> None:
    collector = read_collector(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:4318",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/otlp",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20a%3Db, X-Tenant=acme,nonsense",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_SERVICE_NAME": "edge",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,team=a",
        }
    )
    assert (collector.url, collector.timeout_s) == ("https://collector/otlp", 2.5)
    assert collector.fields == {"Authorization": "Bearer a=b", "X-Tenant": "acme"}
    assert (collector.resource["service.name"], collector.resource["team"]) == ("edge", "a")


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://collector:4317"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector", "OTEL_EXPORTER_OTLP_TIMEOUT": "ten"},
    ],
    ids=["no-scheme", "grpc", "timeout"],
)
def test_a_collector_that_cannot_be_is_refused_in_words(variables: dict[str, str]) -> None:
    with pytest.raises(CollectorInvalid, match="OTEL_EXPORTER_OTLP"):
        read_collector(variables)


def test_spans_go_out_in_batches_and_are_counted() -> None:
    with Receiver() as receiver:
        exporter = SpanExporter(Collector(receiver.url))
        for number in range(span_exporter.MOST_AT_ONCE + 1):
            exporter.take(trace(number))
        exporter.export()
        assert (exporter.exported, exporter.dropped, exporter.waiting()) == (len(receiver.spans), 0, 0)
        assert len(receiver.spans) == 2 * (span_exporter.MOST_AT_ONCE + 1)
        assert len(receiver.fields) == 2


def test_what_a_collector_refuses_for_ever_is_dropped_and_what_it_may_take_later_is_kept() -> None:
    with Receiver() as receiver:
        exporter = SpanExporter(Collector(receiver.url))
        receiver.answers[:] = [400]
        exporter.take(trace(1))
        exporter.export()
        assert (exporter.exported, exporter.dropped, exporter.waiting()) == (0, 2, 0)
        receiver.answers[:] = [503]
        exporter.take(trace(2))
        exporter.export()
        assert (exporter.dropped, exporter.waiting()) == (2, 2)
        exporter.export()
        assert (exporter.exported, exporter.waiting()) == (2, 0)


def test_a_collector_that_is_away_costs_a_bounded_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_exporter, "MOST_WAITING", 10)
    (port,) = free_ports(1)
    exporter = SpanExporter(Collector(f"http://127.0.0.1:{port}"))
    for number in range(10):
        exporter.take(trace(number))
    exporter.export()
    assert (exporter.waiting(), exporter.dropped) == (20, 0)
    for number in range(5):
        exporter.take(trace(number))
    assert exporter.dropped == 10


def test_the_last_time_waits_for_the_one_under_way_and_sends_each_span_once() -> None:
    with Receiver() as receiver:
        exporter = SpanExporter(Collector(receiver.url))
        receiver.answers[:] = [503]
        arrived, release = receiver.hold()
        exporter.take(trace(1))
        under_way = threading.Thread(target=exporter.export)
        under_way.start()
        assert arrived.wait(PATIENCE_S)
        last = threading.Thread(target=exporter.export)
        last.start()
        release.set()
        under_way.join(PATIENCE_S)
        last.join(PATIENCE_S)
        assert (exporter.exported, exporter.waiting(), len(receiver.spans)) == (2, 0, 2)
