"""What a trace tells of an exchange."""

from __future__ import annotations

import pytest

from apim.usage.trace import trace_of

_CALL = {
    "operation": "GET /accounts",
    "credential": "crd_1",
    "application": "app_1",
    "subscription": "sub_1",
    "plan": "plv_1",
}


def test_a_served_call_names_the_key_the_application_the_subscription_and_its_plan() -> None:
    assert trace_of(**_CALL, code="", status=200, is_indeterminate=False) == [
        ("route", "GET /accounts"),
        ("key", "crd_1"),
        ("caller", "app_1"),
        ("subscription", "sub_1 plv_1"),
        ("limits", "passed"),
        ("body", "passed"),
        ("upstream", "200"),
    ]


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("not-found", "route"),
        ("no-subscription", "subscription"),
        ("payment-required", "subscription"),
        ("rate-limited", "limits"),
        ("quota-exceeded", "limits"),
        ("body-too-large", "body"),
        ("upstream-timeout", "upstream"),
    ],
)
def test_a_refused_call_ends_with_the_step_that_refused_it(code: str, step: str) -> None:
    assert trace_of(**_CALL, code=code, status=0, is_indeterminate=False)[-1] == (step, code)


def test_an_answer_that_nobody_saw_is_told_as_unknown() -> None:
    assert trace_of(**_CALL, code="", status=0, is_indeterminate=True)[-1] == ("upstream", "unknown: the worker died")
