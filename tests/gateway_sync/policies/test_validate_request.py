"""What a hostile caller sends costs the gateway no more than an honest one, and is judged as the service reads it."""

from __future__ import annotations

import json

import pytest

from gateway_sync.messages import Refusal
from gateway_sync.policies import validate_request
from gateway_sync.policies.contracts import OperationContract, ParameterContract
from gateway_sync.policies.validate_request import EXPLAINED_SIZE, ValidateRequest
from gateway_sync.policies.views import RequestView, RouteFacts

TEXTS = {"type": "array", "items": {"type": "string"}}
NODE = {"anyOf": [{"type": "null"}, *[{"type": "array", "items": {"$ref": "#/$defs/Node"}}] * 3]}


def errors_in(body: bytes, schema: object, *definitions: tuple[str, str]) -> list[dict[str, str]]:
    contract = OperationContract(bodies=(("application/json", json.dumps(schema)),))
    return _errors(RouteFacts("PUT /a", "PUT", "/a", contract, definitions), "", [], body)


def errors_of_parameter(location: str, query: str, lines: list[bytes]) -> list[dict[str, str]]:
    limit = ParameterContract(
        "limit", location, is_required=False, type="integer", schema=json.dumps({"type": "integer", "maximum": 100})
    )
    return _errors(RouteFacts("GET /a", "GET", "/a", OperationContract(parameters=(limit,))), query, lines, None)


def _errors(facts: RouteFacts, query: str, lines: list[bytes], body: bytes | None) -> list[dict[str, str]]:
    validation = validate_request.bind(ValidateRequest(), facts)
    assert validation is not None
    view = RequestView("PUT", "/a", query, [*lines, b"Content-Type: application/json"], body=body)
    refusal = validation.on_request(view)
    if not isinstance(refusal, Refusal):
        return []
    errors: list[dict[str, str]] = json.loads(json.dumps(dict(refusal.members)["errors"]))
    return errors


def test_half_a_million_faults_are_one_refusal() -> None:
    faults = errors_in(b"[" + b"1," * 500_000 + b"1]", TEXTS)
    assert [fault["pointer"] for fault in faults] == ["#"]
    assert str(EXPLAINED_SIZE) in faults[0]["message"]


def test_a_large_body_as_the_document_says_passes() -> None:
    assert errors_in(b"[" + b'"a",' * 200_000 + b'"a"]', TEXTS) == []


def test_alternatives_nested_deeply_are_not_tried_one_in_the_other() -> None:
    faults = errors_in(b"[" * 40 + b"1" + b"]" * 40, {"$ref": "#/$defs/Node"}, ("Node", json.dumps(NODE)))
    assert [fault["pointer"] for fault in faults] == ["#"]


@pytest.mark.parametrize("query", ["limit=999&limit=1", "limit=1&limit=999"])
def test_a_parameter_that_could_be_read_in_two_ways_is_refused(query: str) -> None:
    assert [fault["pointer"] for fault in errors_of_parameter("query", query, [])] == ["#/query/limit"]


def test_lines_of_one_header_are_judged_together() -> None:
    lines = [b"limit: 999", b"limit: 1"]
    assert [fault["pointer"] for fault in errors_of_parameter("header", "", lines)] == ["#/header/limit"]
    assert errors_of_parameter("header", "", [b"limit: 1"]) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"amount": 1, "amount": 1000000}', "amount"),
        (b'{"a": {"b": 1, "b": 2}}', '"b"'),
        (b'{"amount": NaN}', "NaN"),
        (b'{"amount": "\xff"}', "no JSON"),
        (b"[" * 100_000, "nested"),
    ],
    ids=["doubled", "doubled inside", "NaN", "not UTF-8", "too deep"],
)
def test_a_body_that_readers_read_differently_is_refused(body: bytes, told: str) -> None:
    (fault,) = errors_in(body, {"type": "object"})
    assert fault["pointer"] == "#"
    assert told in fault["message"]
