"""Placeholders, and what they give."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway_sync.compositions.declaration import Condition
from gateway_sync.compositions.values import MISSING, StepValue, ValueMissing, Values, read_template, read_text

VALUES = Values(
    facts={"request.id": "r-1", "application.id": ""},
    path={"id": "a b"},
    query={"limit": "3"},
    headers={"x-team": "red"},
    body={"amount": Decimal("1.10"), "on": True, "list": [{"id": 7}], "a.b/c": 1, "none": None},
    steps={"one": StepValue(201, {"location": "/x"}, {"id": "n"}), "failed": StepValue()},
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{request.body.amount}", Decimal("1.10")),
        ("{request.body.on}", True),
        ("{request.body.list.0.id}", 7),
        ("{request.body/list/0}", {"id": 7}),
        ("{request.body/a.b~1c}", 1),
        ("{request.body.none}", None),
        ("{request.body.list.1}", MISSING),
        ("{request.body.amount.more}", MISSING),
        ("{request.path.id}", "a b"),
        ("{request.query.limit}", "3"),
        ("{request.header.X-Team}", "red"),
        ("{steps.one.status}", 201),
        ("{steps.one.header.Location}", "/x"),
        ("{steps.one.body.id}", "n"),
        ("{steps.failed.status}", MISSING),
        ("{steps.other.body}", MISSING),
        ("{request.id}", "r-1"),
        ("{application.id}", MISSING),
        ("id {steps.one.body.id} on {request.body.on} {request.body.amount}", "id n on true 1.10"),
        ("plain", "plain"),
    ],
)
def test_a_text_gives(text: str, value: object):
    read, unknown = read_text(text)
    assert unknown == ()
    assert read.value(VALUES) == value


@pytest.mark.parametrize(
    "text", ["{request}", "{request.bodys}", "{steps.one}", "{steps..body}", "{request.body.}", "{a", "b}", "{}",
             "{request.query}", "{steps.one.query.a}", "{steps.one.status.a}"],
)  # fmt: skip
def test_what_names_nothing_is_told(text: str):
    assert read_text(text)[1]


@pytest.mark.parametrize("text", ["x {request.body.list}", "x {request.body.none}", "x {steps.other.body}"])
def test_a_longer_text_needs_every_value(text: str):
    with pytest.raises(ValueMissing):
        read_text(text)[0].value(VALUES)


def test_members_without_a_value_are_left_out():
    template, _ = read_template({"a": "{request.body.amount}", "b": "{steps.other.body}", "c": ["{steps.other.body}"]})
    assert template.fill(VALUES) == {"a": Decimal("1.10"), "c": [None]}


@pytest.mark.parametrize(
    ("left", "operator", "right", "holds"),
    [
        ("{request.body.amount}", "atLeast", 1, True),
        ("{request.body.amount}", "atMost", "1.10", True),
        ("{request.body.amount}", "above", 1.1, False),
        ("{request.body.amount}", "equals", 1.1, True),
        ("2400.00", "atLeast", "120.50", True),
        ("9", "below", "10", True),
        ("nine", "below", "10", False),
        ("{steps.other.body}", "below", "10", False),
        ("{steps.other.body}", "differs", "10", False),
        ("{request.body.on}", "equals", True, True),
        ("{request.body.on}", "equals", 1, False),
        ("{request.body.none}", "exists", False, True),
        ("{request.body.on}", "exists", True, True),
        ("{request.body.list}", "atLeast", 0, False),
        ("NaN", "atLeast", 0, False),
        ("1_000", "atLeast", 10, False),
        (" 20", "atLeast", 10, False),
        ("٢٠", "atLeast", 10, False),
    ],
)
def test_a_condition_holds_or_not_whatever_it_compares(left: object, operator: str, right: object, holds: bool):
    condition = Condition(read_template(left)[0], operator, read_template(right)[0])
    assert condition.holds(VALUES) is holds
