"""Traces on the wire: what a gateway tells about single exchanges, so that they can be explained. Both sides use this.

Owns: the shapes of POST /gateway/v1/traces and their limits. Must not know: rings, databases.
Traces are told beside usage and may be lost: nothing is counted by them. They hold no value of a header, query or body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from gateway_sync.wire_values import PLAIN

MAX_TRACES = 500  # in one request
MAX_BODY_BYTES = 2**20
MAX_PATH = 255
MAX_DETAIL = 300
MAX_TRIES = 20
MAX_POLICIES = 100
MAX_PARTS = 64
MAX_RIVALS = 5
CONTENT_TYPE = "application/msgpack"
UNKNOWN = -1  # instead of microseconds that were not measured

# Why an exchange was recorded.
REFUSED, FAILED, RETRIED, SAMPLED = "refused", "failed", "retried", "sampled"

Id = Annotated[str, msgspec.Meta(max_length=40, pattern=PLAIN)]
Word = Annotated[str, msgspec.Meta(max_length=80, pattern=PLAIN)]
Text = Annotated[str, msgspec.Meta(max_length=512)]  # may be what a caller sent, NUL and all
Micros = Annotated[int, msgspec.Meta(ge=UNKNOWN, lt=2**53)]
Amount = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Status = Annotated[int, msgspec.Meta(ge=0, lt=1000)]


class PolicyMet(msgspec.Struct, frozen=True, omit_defaults=True):
    """A policy that the request, or its answer, met.

    Shapes: done is passed, changed, answered, refused, failed, or unreached; of one in shadow what it would have done.
    Units: us is how long it took, UNKNOWN when that was not measured.
    """

    kind: Word
    done: Word
    us: Micros = UNKNOWN
    is_shadow: bool = False
    is_answer: bool = False  # it acted on the answer


class Try(msgspec.Struct, frozen=True, omit_defaults=True):
    """One try at a target.

    Shapes: path is what the service was asked for, without the query; outcome is `answered` or the word for what
    failed; retry is why it was tried again, "" = it was the last. Units: microseconds; at_us since the exchange began,
    us from there to the try's end, connect_us 0 on a connection that was there, first_byte_us from the request's head
    to the answer's.
    """

    target: Text
    outcome: Word
    at_us: Micros
    us: Micros = UNKNOWN
    path: Text = ""
    arm: Word = ""
    connect_us: Micros = 0
    first_byte_us: Micros = UNKNOWN
    status: Status = 0
    retry: Word = ""
    span_id: Id = ""


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that a composite operation made.

    Shapes: name is the step's; outcome is `answered`, `skipped`, or the word for what failed; undoes names the step
    that a compensation is for. Units: as in Try; us is how long it took in all.
    """

    name: Word
    operation: Text
    outcome: Word
    at_us: Micros
    us: Micros = UNKNOWN
    status: Status = 0
    undoes: Word = ""
    tries: Annotated[list[Try], msgspec.Meta(max_length=MAX_TRIES)] = []


class Rival(msgspec.Struct, frozen=True):
    """A subscription of the caller that covers the route.

    Shapes: rank is how closely its product means the operation: 0 names it, 1 by a wildcard, 2 has the whole version;
    code is why it cannot be used, "" = it can. The lowest rank is chosen, of equals the oldest.
    """

    subscription: Id
    product: Id
    rank: Amount
    code: Word = ""


class SpanContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the exchange stands in a distributed trace (W3C Trace Context). Ids in hex; parent_id "" = it has none."""

    trace_id: Id
    span_id: Id
    parent_id: Id = ""
    state: Text = ""


class CallTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """One exchange, explained.

    Shapes: reason is one of the words above; path is canonical, without its query; rivals only where several
    subscriptions cover the route. Units: at_us since the epoch, the others as named, in microseconds: duration_us in
    all, upload_us until the request was whole, body_us from the answer's head to its end.
    """

    request_id: Id
    at_us: Amount
    reason: Word
    status: Status
    duration_us: Micros
    code: Word = ""
    detail: Annotated[str, msgspec.Meta(max_length=MAX_DETAIL)] = ""
    method: Word = ""
    path: Text = ""
    version_id: Id = ""
    operation: Text = ""
    revision: Amount = 0
    slot: Amount = 0
    protocol: Word = ""  # such as HTTP/1.1
    scheme: Word = ""
    organization: Id = ""
    application: Id = ""
    credential: Id = ""
    subscription: Id = ""
    plan: Id = ""
    rivals: Annotated[list[Rival], msgspec.Meta(max_length=MAX_RIVALS)] = []
    policies: Annotated[list[PolicyMet], msgspec.Meta(max_length=MAX_POLICIES)] = []
    tries: Annotated[list[Try], msgspec.Meta(max_length=MAX_TRIES)] = []
    parts: Annotated[list[Part], msgspec.Meta(max_length=MAX_PARTS)] = []
    upload_us: Micros = UNKNOWN
    body_us: Micros = UNKNOWN
    request_bytes: Amount = 0
    response_bytes: Amount = 0
    span: SpanContext | None = None


class TraceBody(msgspec.Struct, frozen=True):
    """The body of a request with traces."""

    traces: Annotated[list[CallTrace], msgspec.Meta(max_length=MAX_TRACES)] = []


class _Encoded(msgspec.Struct, frozen=True):
    traces: list[msgspec.Raw]


_ENCODER = msgspec.msgpack.Encoder()
_TRACE = msgspec.msgpack.Decoder(CallTrace)
_BODY = msgspec.msgpack.Decoder(TraceBody)


def encode_trace(trace: CallTrace) -> bytes:
    """One trace, as a worker writes it."""
    return _ENCODER.encode(trace)


def decode_trace(record: bytes) -> CallTrace:
    """What encode_trace wrote. Errors: ValueError on any other shape."""
    return _TRACE.decode(record)


def encode_body(records: Sequence[bytes]) -> bytes:
    """The body of a request with these traces, which are not looked into."""
    return _ENCODER.encode(_Encoded([msgspec.Raw(record) for record in records]))


def decode_body(content: bytes) -> list[CallTrace]:
    """The traces of a request's body. Errors: ValueError on any other shape."""
    return _BODY.decode(content).traces
