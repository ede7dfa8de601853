"""What the embedded engine's core does with the requests of each case, without sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml12

from gateway_sync.messages import Refusal, RequestHead, ResponseHead
from gateway_sync.policies.views import Answer, AnswerView
from gateway_sync.runtime.access_file import encode_records
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.core.admission import Admission, Gate
from gateway_sync.runtime.core.forwarding import client_head, forwarded_lines, upstream_head
from gateway_sync.runtime.core.grants import limit_refusal
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.runtime.core.limits import CELL_LENGTH, NS, charge_all
from gateway_sync.runtime.core.refusals import status_of
from gateway_sync.runtime.core.request_head import read_request_head
from gateway_sync.runtime.core.response_head import read_response_head
from gateway_sync.runtime.core.stepped_heads import copy_of, head_of, take_over, view_of
from gateway_sync.runtime.core.steps import run_answer, run_request
from gateway_sync.runtime.core.targets import TargetEntry
from tests.golden.cases import Case, all_cases

KEY = "apim_live_" + "0" * 38
NOW_NS = 1_767_000_000 * NS
PORTAL = "https://portal.example.com"


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of an exchanges.yaml."""

    case: Case
    entry: dict[str, Any]


def all_exchanges() -> list[Told]:
    """Every exchange of every case."""
    files = [(case, case.folder / "exchanges.yaml") for case in all_cases()]
    return [Told(case, entry) for case, path in files if path.exists() for entry in yaml12.read_yaml(path)]


@pytest.mark.parametrize("told", all_exchanges(), ids=lambda told: f"{told.case.name}: {told.entry['name']}")
def test_the_core_does_what_the_case_says(told: Told) -> None:
    entry = told.entry
    gate = _gate(told)
    head = read_request_head(_request_bytes(entry["request"]).split(b"\r\n"), gate.index.fields)
    admission = gate.admit(head, entry.get("address", "192.0.2.1"), NOW_NS)
    wanted = entry["response"]
    refusal, own, after = _step(entry, head, admission)
    lines: list[bytes] = []
    if "calls" in entry:
        refusal, lines = _charge(entry["calls"], admission)
    if "forwarded" in entry:
        assert (refusal, own) == (None, None)
        status, fields = _forward(entry, head, admission, after)
    elif own is not None:
        status, fields = own.status, after(own).lines
    else:
        assert refusal is not None
        assert refusal.code == wanted["code"]
        status, fields = status_of(refusal), list(refusal.fields)
        told = {"detail": refusal.detail, **dict(refusal.members)}
        assert {name: told.get(name) for name in wanted.get("members", {})} == wanted.get("members", {})
    fields = [*fields, *lines]
    assert status == wanted["status"]
    found = {line.decode().partition(": ")[0].lower(): line.decode().partition(": ")[2] for line in fields}
    assert {name: found.get(name.lower()) for name in wanted.get("headers", {})} == wanted.get("headers", {})


def _charge(calls: int, admission: Admission) -> tuple[Refusal | None, list[bytes]]:
    """What limits say to the last of so many calls at one instant, on cells of their own."""
    assert admission.grant is not None
    terms = [term for _, term in admission.grant.charges]
    cells = [[0] * CELL_LENGTH for _ in terms]
    charged = [charge_all(terms, cells, NOW_NS) for _ in range(calls)]
    code, wait_s, lines = charged[-1]
    refusal = limit_refusal(code, wait_s, PORTAL, admission.grant) if code else None
    return refusal, [line for line in lines.split(b"\r\n") if line]


def _step(
    entry: dict[str, Any], head: RequestHead, admission: Admission
) -> tuple[Refusal | None, ResponseHead | None, Callable[[ResponseHead], ResponseHead]]:
    """What admission or a policy refused, the answer of a policy, and what policies make of an answer's head."""
    route = admission.route
    if admission.refusal is not None or route is None:
        return admission.refusal, None, lambda answer: answer
    view = view_of(head, admission, route, entry.get("address", "192.0.2.1"), b"id", None)
    outcome, met = run_request(route.rules.steps, view, {})

    def after(answer: ResponseHead) -> ResponseHead:
        changed = copy_of(answer)
        seen = AnswerView(answer.status, changed.lines, has_content=False)
        assert run_answer(route.rules.steps, met, view, seen, {}) is None
        return changed

    if isinstance(outcome, Answer):
        return None, head_of(outcome, b"Date: now", is_head=False), after
    return outcome or take_over(view, head, admission, route), None, after


def _gate(told: Told) -> Gate:
    snapshot = told.case.compile().snapshot
    assert snapshot is not None
    index = Index(snapshot.environment, snapshot.products, 1, "")
    for _ in build_index(index, snapshot.apis):
        pass
    records = [(kind, KEY if key == "<key>" else key, body) for kind, key, body in told.entry.get("access", [])]
    table = AccessTable(None)
    table.apply(encode_records(records), 1)
    return Gate(index, table, lambda key: key.decode(), b"apim-golden")


def _request_bytes(request: dict[str, Any]) -> bytes:
    fields = {"Host": "api.example.com"} | request.get("headers", {})
    lines = [f"{request['method']} {request['path']} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
    return "\r\n".join(lines).replace("<key>", KEY).encode()


def _forward(
    entry: dict[str, Any], head: RequestHead, admission: Admission, after: Callable[[ResponseHead], ResponseHead]
) -> tuple[int, list[bytes]]:
    """Check what the upstream gets; status and fields of what the client gets."""
    version = admission.version
    assert version is not None
    urls: list[str] = []
    for target in version.targets:
        path = admission.path[len(version.prefix) :] or b"/"
        block = upstream_head(
            head,
            target,
            path,
            forwarded_lines("192.0.2.1", head.host, 8080, is_tls=False),
            b"id",
            b"00-",
            b"apim-golden",
        )
        line = block.split(b"\r\n")[0].decode().split(" ")
        assert line[0] == entry["forwarded"]["method"]
        assert KEY.encode() not in block
        urls.append(_url(target, line[1]))
        sent = {
            name.lower(): value for name, _, value in (line.decode().partition(": ") for line in block.split(b"\r\n"))
        }
        told = entry["forwarded"].get("headers", {})
        assert {name: sent.get(name.lower()) for name in told} == told
    assert entry["forwarded"]["url"] in urls
    upstream = entry.get("upstream", {"status": 200})
    lines = [
        f"HTTP/1.1 {upstream['status']} X",
        *(f"{name}: {text}" for name, text in upstream.get("headers", {}).items()),
        "Content-Length: 0",
    ]
    answer: ResponseHead = read_response_head("\r\n".join(lines).encode(), version.answer_lines, is_head=False)
    block, _, _ = client_head(after(answer), version, head, b"", b"id", b"apim-golden")
    return answer.status, block.split(b"\r\n")[1:]


def _url(target: TargetEntry, path: str) -> str:
    scheme, default = ("https", 443) if target.is_tls else ("http", 80)
    host, port = target.address
    return f"{scheme}://{host}{'' if port == default else f':{port}'}{path}"
