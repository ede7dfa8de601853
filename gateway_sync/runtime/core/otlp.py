"""Spans of exchanges in OTLP, OpenTelemetry's protocol, as protobuf: what every collector takes.

One SERVER span for the exchange, one CLIENT span for each try and each call of a composite operation. Names and
attributes by the semantic conventions for HTTP spans; `apim.` begins our own. Field numbers: opentelemetry-proto 1.x.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from gateway_sync.runtime.core.protobuf import fixed32, fixed64, integer, message, octets, text
from gateway_sync.trace_wire import CallTrace, Part, SpanContext, Try

SCOPE: Final = "apim.gateway"
_SERVER, _CLIENT = 2, 3
_STATUS_ERROR: Final = 2
_SAMPLED, _KNOWS_REMOTE, _IS_REMOTE = 0x01, 0x100, 0x200
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_ANSWERED: Final = "answered"

Attributes = Mapping[str, str | int]


def encode_spans(traces: Iterable[CallTrace], resource: Attributes, version: str) -> bytes:
    """An ExportTraceServiceRequest with the spans of these exchanges, all of which have a context."""
    spans = b"".join(message(2, span) for trace in traces for span in _spans_of(trace))
    scope = message(1, text(1, SCOPE) + text(2, version))
    return message(1, message(1, _attributes(1, resource)) + message(2, scope + spans))


def span_count(trace: CallTrace) -> int:
    """How many spans an exchange is told in."""
    return 1 + len(trace.tries) + len(trace.parts)


def _spans_of(trace: CallTrace) -> list[bytes]:
    context = trace.span
    if context is None:
        return []
    tries = [_try(trace, context, each, place) for place, each in enumerate(trace.tries)]
    parts = [_part(trace, context, each, place) for place, each in enumerate(trace.parts)]
    return [_server(trace, context), *tries, *parts]


def _server(trace: CallTrace, context: SpanContext) -> bytes:
    route = _route(trace)
    attributes: dict[str, str | int] = {
        "http.request.method": trace.method,
        "url.path": trace.path,
        "url.scheme": trace.scheme,
        "http.route": route,
        "http.response.status_code": trace.status,
        "network.protocol.version": trace.protocol.removeprefix("HTTP/"),
        "http.request.body.size": trace.request_bytes,
        "http.response.body.size": trace.response_bytes,
        "error.type": trace.code or (str(trace.status) if trace.status >= _SERVER_ERROR else ""),
        "apim.request_id": trace.request_id,
        "apim.version": trace.version_id,
        "apim.application": trace.application,
        "apim.plan": trace.plan,
        "apim.revision": trace.revision,
    }
    name = f"{trace.method} {route}" if route else trace.method
    flags = _SAMPLED | _KNOWS_REMOTE | (_IS_REMOTE if context.parent_id else 0)
    times = trace.at_us, max(0, trace.duration_us)
    is_error = trace.status >= _SERVER_ERROR
    ids = context.span_id, context.parent_id
    return _span(context, ids, name, _SERVER, times, attributes, flags, is_error=is_error)


def _try(trace: CallTrace, context: SpanContext, made: Try, place: int) -> bytes:
    url = urlsplit(made.target)
    is_error = made.outcome != _ANSWERED or made.status >= _CLIENT_ERROR
    attributes: dict[str, str | int] = {
        "http.request.method": trace.method,
        "server.address": url.hostname or "",
        "server.port": url.port or 0,
        "url.full": made.target + made.path,
        "http.response.status_code": made.status,
        "http.request.resend_count": place,
        "error.type": (made.outcome if made.outcome != _ANSWERED else str(made.status)) if is_error else "",
        "apim.arm": made.arm,
    }
    span_id = made.span_id or _made_up_id(context, f"try {place}")
    times = trace.at_us + made.at_us, max(0, made.us)
    ids = span_id, context.span_id
    return _span(context, ids, trace.method, _CLIENT, times, attributes, _SAMPLED | _KNOWS_REMOTE, is_error=is_error)


def _part(trace: CallTrace, context: SpanContext, part: Part, place: int) -> bytes:
    is_error = part.outcome != _ANSWERED or part.status >= _CLIENT_ERROR
    attributes: dict[str, str | int] = {
        "http.request.method": part.operation.partition(" ")[0],
        "http.response.status_code": part.status,
        "error.type": (part.outcome if part.outcome != _ANSWERED else str(part.status)) if is_error else "",
        "apim.step": part.name,
        "apim.undoes": part.undoes,
    }
    times = trace.at_us + part.at_us, max(0, part.us)
    ids = _made_up_id(context, f"part {place}"), context.span_id
    return _span(context, ids, part.operation, _CLIENT, times, attributes, _SAMPLED | _KNOWS_REMOTE, is_error=is_error)


def _span(
    context: SpanContext,
    ids: tuple[str, str],
    name: str,
    kind: int,
    times: tuple[int, int],
    attributes: Attributes,
    flags: int,
    *,
    is_error: bool,
) -> bytes:
    """Shapes: ids are the span's and its parent's, times its start and length in microseconds."""
    span_id, parent_id = ids
    start_us, length_us = times
    return b"".join(
        (
            octets(1, bytes.fromhex(context.trace_id)),
            octets(2, bytes.fromhex(span_id)),
            text(3, context.state),
            octets(4, bytes.fromhex(parent_id)),
            text(5, name),
            integer(6, kind),
            fixed64(7, start_us * 1000),
            fixed64(8, (start_us + length_us) * 1000),
            _attributes(9, attributes),
            message(15, integer(3, _STATUS_ERROR)) if is_error else b"",
            fixed32(16, flags),
        )
    )


def _attributes(number: int, attributes: Attributes) -> bytes:
    """Those that say something: neither an empty text nor 0."""
    return b"".join(
        message(number, text(1, name) + message(2, text(1, value) if isinstance(value, str) else integer(3, value)))
        for name, value in attributes.items()
        if value
    )


def _route(trace: CallTrace) -> str:
    """The template with the public prefix, as callers reach it."""
    template = trace.operation.partition(" ")[2]
    prefix = trace.path.split("/")[:3]
    return "/".join(prefix) + template if template else ""


def _made_up_id(context: SpanContext, what: str) -> str:
    """An id for a span whose own was never told to anybody; the same whenever it is asked for."""
    return hashlib.blake2b(f"{context.span_id}/{what}".encode(), digest_size=8).hexdigest()
