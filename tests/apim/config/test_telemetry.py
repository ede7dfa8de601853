"""Spans of web requests and tasks reach a collector as one trace, without what paths and queries say."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery.signals import before_task_publish, task_failure, task_postrun, task_prerun
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from apim.config import telemetry
from apim.config.telemetry import TelemetryMiddleware
from tests.waiting import wait_until
from tests.wire.collectors import Collector

pytestmark = pytest.mark.django_db

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield running
        telemetry.stop()


def ask(path: str) -> Client:
    client = Client()  # made here: it has the middleware only where a collector is named
    client.get(path, headers={"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": "edge-0123456789"})
    return client


def test_a_request_is_a_span_of_its_callers_trace_by_its_pattern(collector: Collector) -> None:
    ask("/no/such/place?token=secret")
    ask("/llms.txt?token=secret")
    wait_until(lambda: len(collector.spans) == 2, "the spans arrive")
    missing, found = collector.spans
    assert (missing.name, found.name) == ("GET /", "GET /llms.txt")
    assert {(each.trace_id.hex(), each.parent_span_id.hex()) for each in collector.spans} == {(TRACE, SPAN)}
    told = {each.key: each.value for each in missing.attributes}
    assert told["http.response.status_code"].int_value == 404
    assert told["apim.request_id"].string_value == "edge-0123456789"
    assert collector.resources[0]["service.name"] == "apim-web"
    assert "secret" not in str(collector.spans)


def test_the_task_that_a_request_causes_belongs_to_its_trace_and_what_goes_wrong_is_told(collector: Collector) -> None:
    headers: dict[str, str] = {}

    def cause(_request: HttpRequest) -> HttpResponse:
        before_task_publish.send(sender="a task", headers=headers)
        return HttpResponse(status=503)

    TelemetryMiddleware(cause)(RequestFactory().get("/somewhere"))
    task = SimpleNamespace(name="apim.a.task", request=SimpleNamespace(**headers))
    task_prerun.send(sender=None, task=task, task_id="t-1")
    task_failure.send(sender=None, exception=ValueError("with a secret"))
    task_postrun.send(sender=None, task=task, task_id="t-1", state="FAILURE")
    wait_until(lambda: len(collector.spans) == 2, "the spans arrive")
    request, run = collector.spans
    assert (run.name, run.trace_id, run.parent_span_id) == ("run apim.a.task", request.trace_id, request.span_id)
    assert {each.status.code for each in (request, run)} == {2}
    assert "secret" not in str(run)


def test_what_machines_ask_all_the_time_and_what_nobody_wants_is_no_span(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("/healthz/live")
    ask("/llms.txt")
    wait_until(lambda: collector.spans, "the span arrives")
    assert [each.name for each in collector.spans] == ["GET /llms.txt"]
    for name, value in (("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            with pytest.raises(MiddlewareNotUsed):
                TelemetryMiddleware(lambda _: HttpResponse())
