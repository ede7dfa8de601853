"""Usage bodies are read strictly: what a database would choke on is refused before it gets there."""

from __future__ import annotations

import msgspec
import pytest

from gateway_sync.usage_wire import (
    ADMIT_HEAD,
    FINAL_BODY,
    INDETERMINATE,
    LONGEST_US,
    MAX_RECORDS,
    UsageBody,
    UsageCell,
    UsageContext,
    contexts_of,
    decode_batch,
    encode_body,
    seq_of,
)

CONTEXT = UsageContext("ver_1", "GET /accounts", "org_1", "app_1", "crd_1", "sub_1", "plv_1")
BOOT = "0123456789abcdef0123456789abcdef"


def record(seq: int = 1, text: bytes = b"mine/accounts", id_length: int = 4, **fields: int) -> bytes:
    """As a gateway joins it."""
    values = {
        "number": 7, "seq": seq, "status": 200, "code": 0, "duration_us": 4000, "upstream_us": 3000,
        "request_bytes": 10, "response_bytes": 100, "admitted": 7, "at_us": 1_700_000_000_000_000, "context": 5,
    } | fields  # fmt: skip
    *final, admitted, at_us, context = values.values()
    return FINAL_BODY.pack(*final) + ADMIT_HEAD.pack(admitted, at_us, context, id_length) + text


def content(*records: bytes, first: int = 1, last: int | None = None) -> bytes:
    last = first + len(records) - 1 if last is None else last
    return encode_body(UsageBody(BOOT, 0, first, last, ["", "rate-limited"], {5: CONTEXT}, list(records)))


def test_a_record_is_read_back_whole() -> None:
    (event,) = decode_batch(content(record(status=429, code=1))).records
    assert event.request_id == "0123456789abcdef-00000007"
    assert (event.client_request_id, event.path) == ("mine", "/accounts")
    assert event.context == CONTEXT
    assert (event.status, event.code, event.is_indeterminate) == (429, "rate-limited", False)
    assert (event.duration_us, event.upstream_us, event.request_bytes, event.response_bytes) == (4000, 3000, 10, 100)
    assert event.at_us == 1_700_000_000_000_000


def test_an_exchange_that_a_dead_worker_had_in_flight_is_indeterminate() -> None:
    (event,) = decode_batch(content(record(status=0, code=INDETERMINATE))).records
    assert event.is_indeterminate
    assert event.code == ""


def test_bytes_that_no_database_takes_as_text_are_replaced() -> None:
    (event,) = decode_batch(content(record(text=b"\x00\xff/\x00\xff", id_length=2))).records
    assert (event.client_request_id, event.path) == ("\ufffd\ufffd", "/\ufffd\ufffd")


def test_what_a_record_names_is_found_without_reading_it_whole() -> None:
    assert seq_of(record(seq=9)) == 9
    assert contexts_of([record(), record(context=2**32 - 1)]) == {5, 2**32 - 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 1000},
        {"request_bytes": 2**53},
        {"response_bytes": 2**64 - 1},
        {"duration_us": LONGEST_US + 1},
        {"upstream_us": 2**32 - 1},
        {"at_us": 2**60},
        {"admitted": 8},
        {"code": 2},
        {"context": 6},
        {"id_length": 200},
    ],
)
def test_what_no_exchange_has_is_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="record"):
        decode_batch(content(record(**fields)))


@pytest.mark.parametrize(
    "refused",
    [
        content(record(1), record(3)),
        content(record(1), last=2),
        content(record(2)),
        content(record()[:20]),
        content(record(text=b"/" * 300, id_length=0)),
        content(record(text=b"x" * 200, id_length=129)),
        content(*[record(seq) for seq in range(1, MAX_RECORDS + 2)]),
        encode_body(UsageBody(BOOT, 0, 0, 0, contexts={1: UsageContext("v" * 33, "", "", "", "", "", "")})),
        encode_body(UsageBody("b" * 33, 0, 0, 0)),
        encode_body(UsageBody(BOOT, 0, 0, 0, cells=[UsageCell(2**40, "", "", 401, "unauthenticated", 1)])),
        encode_body(UsageBody(BOOT, 0, -5, -5)),
        b"",
        b"{}",
        msgspec.msgpack.encode({"boot": BOOT}),
    ],
)
def test_any_other_shape_is_refused(refused: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - by whichever check comes first
        decode_batch(refused)


def test_a_full_batch_of_long_paths_is_within_what_a_body_may_be() -> None:
    assert len(content(*[record(seq) for seq in range(1, MAX_RECORDS + 1)])) < 2**20
