"""Bodies that no gateway sends, at every door: refused with what is wrong and where, and nothing of them is kept.

Each part of a good body is replaced in turn by each of what is absurd.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from django.http.response import HttpResponseBase
from django.test import Client

from apim.gateways.joining import issue_join_token
from apim.gateways.models import Environment, Gateway, JoinToken, Worker
from apim.usage.models import KeptTrace, UsageRecord, UsageRollup
from gateway_sync.delivery.models import LimitHost
from gateway_sync.usage_wire import ADMIT_HEAD, FINAL_BODY
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER
from tests.factories.traces import trace

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]

Path = tuple[str | int, ...]
DEEP = 100_000
NOW_S = int(time.time())
_MARK = "<here>"

# As JSON writes them.
ABSURD = {
    "negative": b"-1",
    "2^70": b"1180591620717411303424",
    "10^500": b"1" + b"0" * 500,
    "half": b"0.5",
    "1e999": b"1e999",
    "NaN": b"NaN",
    "null": b"null",
    "long": b'"' + b"x" * 50_000 + b'"',
    "NUL": b'"\\u0000"',
    "object": b'{"a": {"b": []}}',
    "deep": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
}
# As MessagePack writes them.
ABSURD_PACKED = {
    "negative": msgspec.msgpack.encode(-(2**63)),
    "2^64": msgspec.msgpack.encode(2**64 - 1),
    "half": msgspec.msgpack.encode(0.5),
    "NaN": msgspec.msgpack.encode(float("nan")),
    "infinity": msgspec.msgpack.encode(float("inf")),
    "null": b"\xc0",
    "long": msgspec.msgpack.encode("x" * 50_000),
    "NUL": msgspec.msgpack.encode("\0"),
    "no UTF-8": b"\xa2\xff\xfe",
    "object": msgspec.msgpack.encode({"a": {"b": []}}),
    "deep": b"\x91" * DEEP + b"\x90",
    "extension": b"\xd4\x05\x00",
}

WORKER = {
    "slot": 0, "pid": 7, "boot": "b" * 32, "started_at": NOW_S, "revision": 3, "digest": "d" * 64, "access_seq": 9,
    "applied_at": NOW_S + 0.5, "problems": [{"code": "trial.E001", "message": "refused", "revision": 3}],
    "stats": {"requests": 5, "latency": [1, 2]},
}  # fmt: skip
TARGET = {
    "version": "ver_1", "target": "http://10.0.0.1", "arm": "blue", "state": "up", "breaker": "closed", "active": 0,
    "requests": 1, "failures": 0, "latency_us": 5, "ejections": 0, "retries": 0, "latencies": [[9, 1]],
}  # fmt: skip
LIMITS = {"host": "0123456789abcdef", "state": "shared", "epoch": "run.1.x", "counts": [["00" * 16, 6, 0, 5, NOW_S]]}
REPORT = {
    "software_version": "0.1", "host": "h", "is_push_connected": True, "takes_trials": True, "workers": [WORKER],
    "targets": [TARGET],
    "events": [{"at": NOW_S, "version": "ver_1", "what": "ejected", "arm": "blue", "target": "http://10.0.0.1"}],
    "limits": LIMITS | {"is_relayed": False},
}  # fmt: skip
SYNC = {
    "revision": 0, "digest": "d" * 64, "access_seq": 0, "have": ["e" * 64], "wait_s": 0, "format": 1, "formats": [1],
    "takes_changes": True, "takes_trials": True, "trial": "t",
}  # fmt: skip
USAGE = {
    "boot": "b" * 32, "slot": 0, "first_seq": 1, "last_seq": 1, "codes": [""],
    "contexts": {1: ["ver_1", "GET /", "org_1", "app_1", "crd_1", "sub_1", "plv_1"]},
    "records": [FINAL_BODY.pack(1, 1, 200, 0, 9, 9, 9, 9) + ADMIT_HEAD.pack(1, NOW_S * 1_000_000, 1, 0) + b"/"],
    "cells": [[NOW_S // 60 * 60, "GET /", "ver_1", 401, "unauthenticated", 3]], "cells_id": 1,
}  # fmt: skip
SAID = {"environment": "default", "disk": "0123456789abcdef", "words": [["Declare", "r.1.x", bytes(16), 6, 0, 5, 9]]}
TRACES = {"traces": [msgspec.to_builtins(trace())]}
JOIN = {"nonce": "n" * 32}

# What may be so: a gateway that leaves it out means the same, or nothing is read from it.
_OF_CALLERS = ("path", "operation", "tries.0.target", "tries.0.path", "tries.1.target", "parts.0.operation")
FREE = {
    "report": {
        ("targets", "null"),
        ("events", "null"),
        ("limits", "null"),
        ("workers.0.started_at", "half"),
        ("workers.0.applied_at", "half"),
    },
    "sync": {("wait_s", "half"), ("", "object")},
    "traces": {("", "object"), ("traces.0.span", "null"), *((f"traces.0.{name}", "NUL") for name in _OF_CALLERS)},
}


def places(body: Any, at: Path = ()) -> Iterator[Path]:
    """Every part of a body, the whole first."""
    yield at
    if isinstance(body, Mapping):
        for name in body:
            yield from places(body[name], (*at, name))
    elif isinstance(body, list):
        for number, each in enumerate(body):
            yield from places(each, (*at, number))


def replaced(body: Any, at: Path, value: object) -> Any:
    """The body with something else at a place."""
    if not at:
        return value
    changed = deepcopy(body)
    part = changed
    for step in at[:-1]:
        part = part[step]
    part[at[-1]] = value
    return changed


def as_json(body: Any, at: Path, absurd: bytes) -> bytes:
    return json.dumps(replaced(body, at, _MARK)).encode().replace(json.dumps(_MARK).encode(), absurd)


def as_packed(body: Any, at: Path, absurd: bytes) -> bytes:
    return msgspec.msgpack.encode(replaced(body, at, msgspec.Raw(absurd)))


def kept() -> dict[str, list[dict[str, object]]]:
    """All that could have been kept."""
    models: list[Any] = [Gateway, Worker, JoinToken, LimitHost, UsageRecord, UsageRollup, KeptTrace]
    return {model.__name__: list(model.objects.values()) for model in models}


def is_refused(answer: HttpResponseBase) -> bool:
    """True for a problem that says what is wrong."""
    if answer.status_code not in (400, 403) or answer["Content-Type"] != "application/problem+json":
        return False
    return bool(json.loads(answer.content)["title"])  # type: ignore[attr-defined]


@pytest.fixture
def post(environment: Environment) -> Callable[[str, bytes], HttpResponseBase]:
    """What a door answers to an enrolled gateway, or to who may join; errors of ours are 500."""
    enrolled = factory.enrolled_gateway(environment=environment)
    joining = issue_join_token(environment=environment, name="eu-1", by=TESTER).secret
    client = Client(raise_request_exception=False)

    def send(door: str, content: bytes) -> HttpResponseBase:
        secret = joining if door == "join" else enrolled.token
        fields = {"Authorization": f"Bearer {secret}"}
        return client.post(f"/gateway/v1/{door}", content, "application/octet-stream", headers=fields)

    return send


@pytest.mark.parametrize(
    ("door", "body", "write", "absurd"),
    [
        ("report", REPORT, as_json, ABSURD),
        ("sync", SYNC, as_json, ABSURD),
        ("join", JOIN, as_json, ABSURD),
        ("usage", USAGE, as_packed, ABSURD_PACKED),
        ("limits", SAID, as_packed, ABSURD_PACKED),
        ("traces", TRACES, as_packed, ABSURD_PACKED),
    ],
    ids=["report", "sync", "join", "usage", "limits", "traces"],
)
def test_what_is_absurd_is_refused_and_nothing_is_kept(
    post: Callable[[str, bytes], HttpResponseBase],
    door: str,
    body: Any,
    write: Callable[[Any, Path, bytes], bytes],
    absurd: Mapping[str, bytes],
) -> None:
    before: dict[str, list[dict[str, object]]] = kept()
    wrong: list[tuple[str, str, int]] = []
    for at in places(body):
        accepted = []
        for name, value in absurd.items():
            answer = post(door, write(body, at, value))
            if not is_refused(answer):
                accepted.append((".".join(map(str, at)), name, answer.status_code))
            answer.close()
        now = kept()
        assert accepted or now == before, at
        before, wrong = now, [*wrong, *(each for each in accepted if each[:2] not in FREE.get(door, set()))]
    assert not wrong, wrong
