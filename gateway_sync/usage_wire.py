"""Usage on the wire: what a gateway tells the control plane about exchanges. Both sides use this file.

Owns: the shapes of POST /gateway/v1/usage and their limits. Must not know: spools, databases.
(boot, seq) names an event for ever: seq counts from 1 without gaps for each boot of a worker, so the receiver can
prove that nothing is missing, and storing a batch twice changes nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

MAX_RECORDS = 1000
MAX_CELLS = 5000

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Amount = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Status = Annotated[int, msgspec.Meta(ge=0, lt=1000)]


class UsageEvent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One exchange of an identified caller, as an array in this order.

    Shapes: status 0 with is_indeterminate = the worker died with the exchange in flight; code is that of the gateway's
    own problem, "" when the upstream answered; path is the normalised path without its query, at most 255 characters;
    trace = [[step, outcome], ...].
    Units: at_us in microseconds since the epoch, *_us microseconds, *_bytes bytes of bodies.
    """

    seq: Seq
    request_id: str
    client_request_id: str
    at_us: int
    version_id: str
    operation: str
    path: str
    organization: str
    application: str
    credential: str
    subscription: str
    plan: str
    status: Status
    code: str
    is_indeterminate: bool
    duration_us: Amount
    upstream_us: Amount
    request_bytes: Amount
    response_bytes: Amount
    trace: list[tuple[str, str]]


class UsageCell(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Exchanges without an identity, summed for one minute: [minute, route, version_id, status, code, count].

    Units: minute in seconds since the epoch, a multiple of 60.
    """

    minute: int
    route: str
    version_id: str
    status: Status
    code: str
    count: Amount


class UsageBatch(msgspec.Struct, frozen=True):
    """Events with consecutive seq of one boot of the worker in one slot.

    Shapes: first_seq = last_seq = 0 and no records when only cells are sent. Cells carry an id of their own: a batch
    with the same boot and cells_id was stored before, and its cells must not be added again.
    """

    boot: str
    slot: int
    first_seq: Seq
    last_seq: Seq
    records: list[UsageEvent]
    cells: list[UsageCell] = []
    cells_id: Seq = 0


class UsageAck(msgspec.Struct, frozen=True):
    """Everything of the boot up to acked_seq is durable."""

    acked_seq: int


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(UsageBatch)
_ACK_DECODER = msgspec.json.Decoder(UsageAck)


def encode_batch(batch: UsageBatch) -> bytes:
    """The JSON body of a usage request."""
    return _ENCODER.encode(batch)


def decode_batch(body: bytes | str) -> UsageBatch:
    """The batch of a request body.

    Errors: ValueError (msgspec's errors are ValueErrors) on any other shape, too many records, or a gap in seq.
    """
    batch = _DECODER.decode(body)
    if len(batch.records) > MAX_RECORDS or len(batch.cells) > MAX_CELLS:
        message = f"a batch holds at most {MAX_RECORDS} records and {MAX_CELLS} cells"
        raise ValueError(message)
    if batch.records:
        expected = range(batch.first_seq, batch.last_seq + 1)
        if [record.seq for record in batch.records] != list(expected):
            message = "seq of the records must run from first_seq to last_seq without gaps"
            raise ValueError(message)
    return batch


def encode_ack(acked_seq: int) -> bytes:
    """The JSON body of the answer."""
    return _ENCODER.encode(UsageAck(acked_seq))


def decode_ack(body: bytes) -> UsageAck:
    """The ack of an answer. Errors: ValueError on any other shape."""
    return _ACK_DECODER.decode(body)
