"""Composites as owners write them: what is read, and what is said of faults."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from gateway_sync.compositions import read_composite
from gateway_sync.problems import Problem, Where

OPERATION = "POST /transfers"
WHERE = Where("version", "ver_1", "composites")
TRANSFER: dict[str, Any] = {
    "timeout": "10s",
    "steps": [
        {
            "name": "balance",
            "call": "GET /accounts/{request.body.from}",
            "require": [{"value": "{steps.balance.body.balance}", "atLeast": "{request.body.amount}"}],
            "onFailure": {"fail": {"status": 409, "detail": "Not enough."}},
        },
        {
            "name": "withdraw",
            "call": "POST /accounts/{request.body.from}/withdrawals",
            "body": {"amount": "{request.body.amount}", "note": "transfer {request.id}"},
            "expect": [201],
            "compensate": {"call": "POST /accounts/{request.body.from}/reversals", "attempts": 5},
        },
        {
            "name": "deposit",
            "call": "POST /accounts/{request.body.to}/deposits",
            "body": {"amount": "{request.body.amount}"},
            "compensate": {"call": "POST /accounts/{request.body.to}/reversals"},
        },
    ],
    "answer": {"status": 201, "body": {"id": "{steps.deposit.body.id}", "amount": "{request.body.amount}"}},
}


def read(**changes: Any) -> tuple[Problem, ...]:
    return read_composite(OPERATION, {**deepcopy(TRANSFER), **changes}, WHERE)[1]


def with_step(number: int, **changes: Any) -> list[dict[str, Any]]:
    steps = deepcopy(TRANSFER["steps"])
    steps[number] |= changes
    return [step for step in steps if step]


def test_a_whole_composite_has_no_problems():
    composite, problems = read_composite(OPERATION, TRANSFER, WHERE)
    assert problems == ()
    assert [step.after for step in composite.steps] == [(), ("balance",), ("withdraw",)]
    assert composite.max_calls >= 5


def test_what_is_dumped_reads_back_to_an_equal_value():
    composite, _ = read_composite(OPERATION, TRANSFER, WHERE)
    again, problems = read_composite(OPERATION, composite.dump(), WHERE)
    assert (again, problems) == (composite, ())


@pytest.mark.parametrize(
    ("changes", "code", "field", "hint"),
    [
        ({"step": []}, "composite.E001", "step", '"steps"'),
        ({"steps": []}, "composite.E003", "steps", ""),
        ({"timeout": "soon"}, "composite.E002", "timeout", "250ms"),
        ({"timeout": "1h"}, "composite.E002", "timeout", ""),
        ({"maxBytes": "1GiB"}, "composite.E002", "maxBytes", ""),
        ({"maxCalls": 4}, "composite.E010", "maxCalls", "5 or more"),
        ({"answer": None}, "composite.E003", "answer", ""),
        ({"answer": {"body": "{steps.deposite.body}"}}, "composite.E006", "answer", '"deposit"'),
        ({"answer": {"headers": {"Via": "x"}}}, "composite.E002", "answer.headers.Via", ""),
        ({"steps": with_step(0, name="Balance")}, "composite.E002", "steps.0.name", "small letters"),
        ({"steps": with_step(1, name="deposit")}, "composite.E005", "steps.2.name", ""),
        ({"steps": with_step(0, call="balance of")}, "composite.E002", "steps.0.call", "POST /accounts"),
        ({"steps": with_step(0, call="GET /a?b=1")}, "composite.E002", "steps.0.call", "query"),
        ({"steps": with_step(0, body={"a": 1})}, "composite.E002", "steps.0.body", "query"),
        ({"steps": with_step(1, body="{request.boddy.a}")}, "composite.E004", "steps.1.body", "request.body"),
        ({"steps": with_step(1, body="{oops")}, "composite.E004", "steps.1.body", "placeholder"),
        ({"steps": with_step(1, after=["balanc"])}, "composite.E006", "steps.1.after", '"balance"'),
        ({"steps": with_step(0, after=["deposit"])}, "composite.E007", "steps", "after"),
        ({"steps": with_step(0, query={"a": "{steps.deposit.status}"})}, "composite.E008", "steps.0.call", "after:"),
        (
            {"steps": with_step(2, after=["balance"], body="{steps.withdraw.body}")},
            "composite.E008",
            "steps.2.call",
            "",
        ),
        ({"steps": with_step(0, call="GET /accounts/{request.path.id}")}, "composite.E009", "", ""),
        ({"steps": with_step(0, expect=["ok"])}, "composite.E002", "steps.0.expect", "2xx"),
        ({"steps": with_step(0, onFailure="retry")}, "composite.E002", "steps.0.onFailure", "skip"),
        ({"steps": with_step(0, when={"value": 1})}, "composite.E002", "steps.0.when.0", "equals"),
        ({"steps": with_step(0, service="ledger")}, "composite.E002", "steps.0.service", "ledger/v1"),
        ({"steps": with_step(0, headers={"Host": "x"})}, "composite.E002", "steps.0.headers.Host", ""),
        ({"steps": with_step(1, compensate={"attempts": 3})}, "composite.E003", "steps.1.compensate.call", ""),
        ({"steps": with_step(0, compensate={"call": "POST /x"})}, "composite.W001", "steps.0.compensate", ""),
        ({"steps": with_step(1, compensate=None)}, "composite.W002", "steps.1", "compensate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
def test_a_fault_has_a_code_a_place_and_a_hint(changes: dict[str, Any], code: str, field: str, hint: str):
    found = {problem.code: problem for problem in read(**changes)}
    assert code in found, found
    assert found[code].where.field == f"composites.{OPERATION}.{field}".rstrip(".")
    assert hint in found[code].hint


@pytest.mark.parametrize("written", [None, 3, [], "steps", {"steps": "x"}, {"steps": [1]}, {"answer": 3}, {1: 2}])
def test_nonsense_is_told_and_never_raises(written: object):
    _, problems = read_composite(OPERATION, written, WHERE)
    assert any(problem.is_error for problem in problems)


def test_steps_may_run_side_by_side():
    steps = with_step(1, after=[])
    assert not [problem for problem in read(steps=steps) if problem.is_error]
