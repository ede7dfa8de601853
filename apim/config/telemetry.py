"""Spans of web requests and of tasks, sent by OpenTelemetry's SDK once its own variables name a collector.

Owns: what a span of the control plane may hold. Paths and queries are left out, because some are secrets (a link of an
invitation, say): a span names the pattern that the request met, as the log does. Without a collector nothing of
OpenTelemetry is imported.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from celery.signals import before_task_publish, task_failure, task_postrun, task_prerun, worker_init
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apim.config.correlation import current_request_id, route_of

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

logger = logging.getLogger(__name__)

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_UNTOLD: Final = ("/healthz", "/metrics", "/gateway/v1/", "/static/")  # asked all the time, by machines
_PARENT: Final = "apim_traceparent"  # a header of the message of a task
_SERVER_ERROR: Final = 500

_provider: TracerProvider | None = None
_task: ContextVar[tuple[Span, Token[Context]] | None] = ContextVar("task", default=None)


def is_wanted(variables: Mapping[str, str] = os.environ) -> bool:
    """Whether OpenTelemetry's variables name a collector for spans."""
    is_off = variables.get("OTEL_SDK_DISABLED", "").lower() == "true" or variables.get("OTEL_TRACES_EXPORTER") == "none"
    return not is_off and any(variables.get(name) for name in _ENDPOINTS)


def start(service: str) -> None:
    """Begin to send spans of this process, under OTEL_SERVICE_NAME or else this name; once, and only if wanted."""
    global _provider  # noqa: PLW0603 - one of each process, as the SDK has it
    if _provider is not None or not is_wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - seldom wanted
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    told = {"service.version": version("apim"), "host.name": socket.gethostname()}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        told["service.name"] = service
    _provider = TracerProvider(resource=Resource.create(told))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))  # it begins anew in a fork


def stop() -> None:
    """Send what waits, and nothing from now on."""
    global _provider  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
        _provider = None


class TelemetryMiddleware:
    """A SERVER span for each request, within the trace that its caller began."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Is left out where nothing is wanted."""
        if not is_wanted():
            raise MiddlewareNotUsed
        start("apim-web")
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response; what is sent in parts is told up to its begin."""
        tracer = _tracer()
        if tracer is None or request.path.startswith(_UNTOLD):
            return self._get_response(request)
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415 - it is there by now

        parent = _context(request.headers.get("traceparent"), request.headers.get("tracestate"))
        method = request.method or ""
        with tracer.start_as_current_span(method, parent, kind=SpanKind.SERVER) as span:
            response = self._get_response(request)
            route = f"/{route_of(request)}"
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": response.status_code,
                    "apim.request_id": current_request_id(),
                }
            )
            if response.status_code >= _SERVER_ERROR:
                span.set_status(Status(StatusCode.ERROR))
            return response


def _tracer() -> Tracer | None:
    return _provider.get_tracer("apim") if _provider is not None else None


def _context(traceparent: str | None, tracestate: str | None = None) -> Context:
    """The context that a caller told, else one without a parent."""
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    told = {"traceparent": traceparent, "tracestate": tracestate}
    carrier = {name: value for name, value in told.items() if value}
    return TraceContextTextMapPropagator().extract(carrier, Context())


@worker_init.connect
def _start_in_tasks(**_: object) -> None:
    start("apim-tasks")


@before_task_publish.connect
def _take_along(headers: dict[str, Any] | None = None, **_: object) -> None:
    """The trace goes on in the task that is asked for."""
    if headers is None or _provider is None:
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    if "traceparent" in carrier:
        headers[_PARENT] = carrier["traceparent"]


@task_prerun.connect
def _take_up(task: Any = None, task_id: str = "", **_: object) -> None:
    """A CONSUMER span for the task, while it runs."""
    tracer = _tracer()
    if tracer is None or task is None:
        return
    from opentelemetry.context import attach  # noqa: PLC0415
    from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

    attributes = {
        "messaging.system": "celery",
        "messaging.message.id": task_id,
        "apim.request_id": current_request_id(),
    }
    parent = _context(getattr(task.request, _PARENT, None))
    span = tracer.start_span(f"run {task.name}", parent, kind=SpanKind.CONSUMER, attributes=attributes)
    _task.set((span, attach(set_span_in_context(span))))


@task_failure.connect
def _note_failure(exception: BaseException | None = None, **_: object) -> None:
    if (running := _task.get()) is not None and exception is not None:
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        running[0].set_attribute("error.type", type(exception).__qualname__)
        running[0].set_status(Status(StatusCode.ERROR))


@task_postrun.connect
def _put_down(**_: object) -> None:
    if (running := _task.get()) is not None:
        from opentelemetry.context import detach  # noqa: PLC0415

        span, token = running
        detach(token)
        span.end()
        _task.set(None)
