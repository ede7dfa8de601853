"""Usage on the wire: what a gateway tells the control plane about exchanges. Both sides use this file.

Owns: the shapes of POST /gateway/v1/usage and their limits. Must not know: segments, databases.
(boot, seq) names an event for ever: seq counts from 1 without gaps for each boot of a worker, so the receiver can
prove that nothing is missing, and storing a batch twice changes nothing. What follows from the rest, as the id of a
request and its trace do, is not sent. A record is sent as the worker noted it, so that a gateway need not look into it.
"""

from __future__ import annotations

import struct
from typing import Annotated

import msgspec

from gateway_sync.wire_values import PLAIN, Place, read_body

MAX_RECORDS = 5000
MAX_CELLS = 5000
MAX_BODY_BYTES = 2 * 2**20  # a web server of the control plane takes 2.5 MB
MAX_PATH = 255
MAX_CLIENT_REQUEST_ID = 128
CONTENT_TYPE = "application/msgpack"

# number, seq, status, code, duration_us, upstream_us, request_bytes, response_bytes
FINAL_BODY = struct.Struct("<QQHBIIQQ")
# number, at_us, context, length of the client's request id; that id and the path follow
ADMIT_HEAD = struct.Struct("<QQIH")
UNMETERED_CODE = "unmetered"  # of cells: served without a record, for a known caller, where the plan wants it so
INDETERMINATE = 255  # instead of a code: the worker died with the exchange in flight
LONGEST_US = 2**31 - 1
MOST_BYTES = 2**44  # of an exchange, so that sums of very many such fit into a column

_RECORD = struct.Struct(FINAL_BODY.format + ADMIT_HEAD.format.removeprefix("<"))
_SEQ = struct.Struct("<Q")
_SEQ_AT = 8
_CONTEXT = struct.Struct("<I")
_CONTEXT_AT = FINAL_BODY.size + 16
_STATUSES = 1000
_LAST_US = 2**53

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Calls = Annotated[int, msgspec.Meta(ge=0, le=2**32)]
Status = Annotated[int, msgspec.Meta(ge=0, lt=_STATUSES)]
Boot = Annotated[str, msgspec.Meta(max_length=32, pattern=PLAIN)]
Id = Annotated[str, msgspec.Meta(max_length=32)]  # those of contexts and cells are many: _require_plain looks at them
Operation = Annotated[str, msgspec.Meta(max_length=4096)]
Code = Annotated[str, msgspec.Meta(max_length=40, pattern=PLAIN)]
CellCode = Annotated[str, msgspec.Meta(max_length=80)]  # of a policy in shadow it is longer: it names what was done


class UsageContext(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What thousands of exchanges share: the operation, and who called it. An array in this order."""

    version_id: Id
    operation: Operation
    organization: Id
    application: Id
    credential: Id
    subscription: Id
    plan: Id


class UsageEvent(msgspec.Struct, frozen=True, gc=False):
    """One exchange of an identified caller.

    Shapes: status 0 with is_indeterminate = the worker died with the exchange in flight; code is that of the gateway's
    own problem, "" when the upstream answered; path is the normalised path without its query, at most 255 characters.
    Units: at_us in microseconds since the epoch, *_us microseconds, *_bytes bytes of bodies.
    """

    seq: int
    number: int
    request_id: str
    client_request_id: str
    at_us: int
    context: UsageContext
    path: str
    status: int
    code: str
    is_indeterminate: bool
    duration_us: int
    upstream_us: int
    request_bytes: int
    response_bytes: int


class UsageCell(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Exchanges without an identity, summed for one minute: [minute, route, version_id, status, code, count].

    Units: minute in seconds since the epoch, a multiple of 60.
    """

    minute: Annotated[int, msgspec.Meta(ge=0, lt=2**33)]
    route: Operation
    version_id: Id
    status: Status
    code: CellCode
    count: Calls


class UsageBody(msgspec.Struct, frozen=True):
    """The body of a usage request: events with consecutive seq of one boot of the worker in one slot.

    Shapes: a record is FINAL_BODY and ADMIT_HEAD with its texts; its code is a place in codes, its context a key of
    contexts. first_seq = last_seq = 0 and no records when only cells are sent. Cells carry an id of their own: a batch
    with the same boot and cells_id was stored before, and its cells must not be added again.
    """

    boot: Boot
    slot: Place
    first_seq: Seq
    last_seq: Seq
    codes: list[Code] = []
    contexts: dict[int, UsageContext] = {}
    records: Annotated[list[bytes], msgspec.Meta(max_length=MAX_RECORDS)] = []
    cells: Annotated[list[UsageCell], msgspec.Meta(max_length=MAX_CELLS)] = []
    cells_id: Seq = 0


class UsageBatch(msgspec.Struct, frozen=True):
    """A UsageBody whose records were read."""

    boot: str
    slot: int
    first_seq: int
    last_seq: int
    records: list[UsageEvent]
    cells: list[UsageCell] = []
    cells_id: int = 0


class UsageAck(msgspec.Struct, frozen=True):
    """Everything of the boot up to acked_seq is durable."""

    acked_seq: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(UsageBody)
_ACK_ENCODER = msgspec.json.Encoder()
_ACK_DECODER = msgspec.json.Decoder(UsageAck)


def encode_body(body: UsageBody) -> bytes:
    """The MessagePack body of a usage request."""
    return _ENCODER.encode(body)


def decode_batch(content: bytes) -> UsageBatch:
    """The batch of a request body.

    Errors: ValueError (msgspec's errors are ValueErrors) on any other shape, too many records, a gap in seq, or a text
    that no column takes.
    """
    body = _DECODER.decode(content)
    _require_plain(body)
    if body.records and len(body.records) != body.last_seq - body.first_seq + 1:
        raise ValueError(_GAP)
    try:
        events = _events(body)
    except struct.error as error:
        message = f"a record is too short: {error}"
        raise ValueError(message) from error
    except LookupError as error:
        message = f"a record names a code or context that the batch does not have: {error}"
        raise ValueError(message) from error
    return UsageBatch(body.boot, body.slot, body.first_seq, body.last_seq, events, body.cells, body.cells_id)


def request_id_of(boot: str, number: int) -> str:
    """The id of an exchange: its worker's boot and its number there, so that it needs no look-up to be unique."""
    return f"{boot[:16]}-{number:08x}"


def request_ids_of(boot: str) -> tuple[str, str]:
    """Between which texts, compared byte by byte, the ids of its exchanges are: from the first to before the second."""
    return f"{boot[:16]}-", f"{boot[:16]}."


def seq_of(record: bytes) -> int:
    """The number of a record among those of its boot."""
    return int(_SEQ.unpack_from(record, _SEQ_AT)[0])


def contexts_of(records: list[bytes]) -> set[int]:
    """The contexts that records name."""
    end = _CONTEXT_AT + _CONTEXT.size
    return {_CONTEXT.unpack(packed)[0] for packed in {record[_CONTEXT_AT:end] for record in records}}


def encode_ack(acked_seq: int) -> bytes:
    """The JSON body of the answer."""
    return _ACK_ENCODER.encode(UsageAck(acked_seq))


def decode_ack(body: bytes) -> UsageAck:
    """The ack of an answer. Errors: ValueError on any other shape."""
    return read_body(_ACK_DECODER.decode, body)


_GAP = "seq of the records must run from first_seq to last_seq without gaps"


def _require_plain(body: UsageBody) -> None:
    """Errors: ValueError for a NUL in a context or cell. A pattern for each text would take several times as long."""
    for key, context in body.contexts.items():
        if "\0" in "".join(msgspec.structs.astuple(context)):
            message = f"a context must hold no NUL - at `$.contexts[{key}]`"
            raise ValueError(message)
    for place, cell in enumerate(body.cells):
        if "\0" in f"{cell.route}{cell.version_id}{cell.code}":
            message = f"a cell must hold no NUL - at `$.cells[{place}]`"
            raise ValueError(message)


def _events(body: UsageBody) -> list[UsageEvent]:
    """What its records say. One loop, for a call a record takes a tenth of reading it."""
    unpack, size = _RECORD.unpack_from, _RECORD.size
    boot, codes, contexts = body.boot[:16], body.codes, body.contexts
    events = []
    for expected, record in enumerate(body.records, body.first_seq):
        (
            number, seq, status, code, duration_us, upstream_us, request_bytes, response_bytes,
            admitted, at_us, context, id_length,
        ) = unpack(record)  # fmt: skip
        path_at = size + id_length
        if seq != expected:
            raise ValueError(_GAP)
        if (
            number != admitted
            or status >= _STATUSES
            or duration_us > LONGEST_US
            or upstream_us > LONGEST_US
            or request_bytes > MOST_BYTES
            or response_bytes > MOST_BYTES
            or at_us > _LAST_US
            or id_length > MAX_CLIENT_REQUEST_ID
            or not path_at <= len(record) <= path_at + MAX_PATH
        ):
            message = f"record {seq} holds a number or a length that no exchange has"
            raise ValueError(message)
        is_indeterminate = code == INDETERMINATE
        events.append(
            UsageEvent(
                seq,
                number,
                f"{boot}-{number:08x}",
                _text(record[size:path_at]) if id_length else "",
                at_us,
                contexts[context],
                _text(record[path_at:]),
                status,
                "" if is_indeterminate else codes[code],
                is_indeterminate,
                duration_us,
                upstream_us,
                request_bytes,
                response_bytes,
            )
        )
    return events


def _text(content: bytes) -> str:
    """Any bytes that a client may send, as a text that a database takes."""
    text = content.decode("utf-8", "replace")
    return text.replace("\0", "\ufffd") if "\0" in text else text
