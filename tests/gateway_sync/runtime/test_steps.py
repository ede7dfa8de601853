"""Steps meet requests in order and answers in the reverse; in shadow they change nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway_sync.messages import Refusal
from gateway_sync.policies import AppliedPolicy
from gateway_sync.policies.views import Answer, AnswerView, FieldProtected, Outcome, RequestView
from gateway_sync.runtime.core.steps import BoundStep, bind_step, run_answer, run_request


@dataclass
class Marking:
    """A step that writes its name, and may end the request."""

    name: str
    outcome: Outcome = None

    def on_request(self, request: RequestView) -> Outcome:
        request.fields.add("X-Met", self.name)
        return self.outcome

    def on_answer(self, _request: RequestView, answer: AnswerView) -> None:
        answer.fields.add("X-Met", self.name)


def step(name: str, outcome: Outcome = None, *, is_shadow: bool = False) -> BoundStep:
    bound = bind_step(AppliedPolicy(name, None, (), is_shadow), Marking(name, outcome))
    assert bound is not None
    return bound


def view() -> RequestView:
    return RequestView("GET", "/accounts", "", [])


def test_an_answer_meets_the_steps_that_its_request_met_in_the_reverse_order() -> None:
    request, answer = view(), AnswerView(200, [])
    steps = (step("a"), step("b"))
    assert run_request(steps, request, {}) == (None, 2)
    run_answer(steps, 2, request, answer, {})
    assert (request.fields.values("x-met"), answer.fields.values("x-met")) == (["a", "b"], ["b", "a"])


def test_an_answer_of_a_step_meets_only_the_steps_before_it() -> None:
    request, answer, own = view(), AnswerView(200, []), Answer(204)
    steps = (step("a"), step("b", own), step("c"))
    assert run_request(steps, request, {}) == (own, 1)
    run_answer(steps, 1, request, answer, {})
    assert answer.fields.values("x-met") == ["a"]


@pytest.mark.parametrize(
    ("outcome", "done"), [(None, "changed"), (Answer(200), "answered"), (Refusal("forbidden"), "refused")]
)
def test_a_shadow_is_counted_and_changes_nothing(outcome: Outcome, done: str) -> None:
    request, counts = view(), {}  # type: ignore[var-annotated]
    assert run_request((step("a", outcome, is_shadow=True), step("b")), request, counts) == (None, 2)
    assert (request.fields.values("x-met"), counts) == (["b"], {("a", done): 1})


def test_a_shadow_on_the_answer_is_counted_and_changes_nothing() -> None:
    answer, counts = AnswerView(200, []), {}  # type: ignore[var-annotated]
    run_answer((step("a", is_shadow=True),), 1, view(), answer, counts)
    assert (answer.fields.lines, counts) == ([], {("a", "changed"): 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "evil"),
        ("content-length", "1"),
        ("Content_Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("Connection", "X-A"),
        ("X-Request-Id", "1"),
        ("X-A", "1\r\nX-B: 2"),
        ("X-A\r\nX-B", "1"),
        ("X A", "1"),
        ("X-A", "1\x00"),
        ("", "1"),
    ],
)
def test_no_policy_can_write_what_is_the_gateways_own(name: str, value: str) -> None:
    fields = view().fields
    for write in (fields.set, fields.add):
        with pytest.raises(FieldProtected):
            write(name, value)
    assert fields.lines == []


class Failing:
    """A step with a bug."""

    body_bytes = answer_bytes = 9

    def on_request(self, _request: RequestView) -> Outcome:
        raise ZeroDivisionError

    def on_answer(self, _request: RequestView, _answer: AnswerView) -> Outcome:
        raise ZeroDivisionError


def test_a_step_that_fails_is_told_and_a_shadow_that_fails_is_counted() -> None:
    steps = [bind_step(AppliedPolicy("x", None, (), is_shadow), Failing()) for is_shadow in (False, True)]
    real, shadow = (each for each in steps if each is not None)
    counts: dict[tuple[str, str], int] = {}
    with pytest.raises(ZeroDivisionError):
        run_request((real,), view(), counts)
    with pytest.raises(ZeroDivisionError):
        run_answer((real,), 1, view(), AnswerView(200, []), counts)
    assert run_request((shadow,), view(), counts) == (None, 1)
    run_answer((shadow,), 1, view(), AnswerView(200, [], body=b""), counts)
    run_answer((shadow,), 1, view(), AnswerView(200, []), counts)  # it does not get the body that it needs
    assert counts == {("x", "failed"): 2}
    run_request((shadow,), view(), counts, is_body_kept=False)
    assert counts["x", "refused"] == 1


def test_a_kind_that_acts_on_no_message_is_no_step() -> None:
    assert bind_step(AppliedPolicy("size-limit", None), object()) is None
