"""Watched steps act as the steps they stand for, and say what those did."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from gateway_sync.messages import Refusal
from gateway_sync.policies import AppliedPolicy
from gateway_sync.policies.views import Answer, AnswerView, Outcome, RequestView
from gateway_sync.runtime.core.stages import steps_met
from gateway_sync.runtime.core.steps import BoundStep, bind_step, run_answer, run_request
from gateway_sync.runtime.core.watched_steps import watched
from gateway_sync.trace_wire import UNKNOWN, PolicyMet


class Acting:
    """A step that does what it is told."""

    def __init__(self, act: Callable[[RequestView], Outcome]) -> None:
        self._act = act

    def on_request(self, request: RequestView) -> Outcome:
        return self._act(request)

    def on_answer(self, _request: RequestView, answer: AnswerView) -> None:
        answer.status = 418


def add_field(request: RequestView) -> None:
    request.fields.add("X-Met", "yes")


def fail(_request: RequestView) -> Outcome:
    raise ValueError("a bug")


def step(kind: str, act: Callable[[RequestView], Outcome], *, is_shadow: bool = False) -> BoundStep:
    bound = bind_step(AppliedPolicy(kind, None, (), is_shadow), Acting(act))
    assert bound is not None
    return bound


def view() -> RequestView:
    return RequestView("GET", "/accounts", "", [])


def ticking() -> Callable[[], int]:
    ticks = count(0, 1000)  # a microsecond each time that it is asked
    return lambda: next(ticks)


STEPS = (
    step("query", lambda _request: None),
    step("request-headers", add_field),
    step("ip-filter", lambda _request: Refusal("forbidden"), is_shadow=True),
    step("fixed-answer", lambda _request: Answer(204)),
    step("mock", lambda _request: None),
)


def test_each_step_is_told_with_what_it_did_and_how_long_it_took() -> None:
    met: list[PolicyMet] = []
    request = view()
    outcome, place = run_request(watched(STEPS, met.append, ticking()), request, {})
    assert (outcome, place) == (Answer(204), 3)
    assert request.fields.get("X-Met") == "yes"
    assert [(each.kind, each.done, each.us, each.is_shadow) for each in met] == [
        ("query", "passed", 1, False),
        ("request-headers", "changed", 1, False),
        ("ip-filter", "refused", 1, True),
        ("fixed-answer", "answered", 1, False),
    ]


def test_what_a_step_raises_is_told_and_raised() -> None:
    met: list[PolicyMet] = []
    with pytest.raises(ValueError, match="a bug"):
        run_request(watched((step("fault", fail),), met.append, ticking()), view(), {})
    assert [(each.kind, each.done) for each in met] == [("fault", "failed")]


def test_the_way_back_is_told_too() -> None:
    met: list[PolicyMet] = []
    answer = AnswerView(200, [])
    assert run_answer(watched(STEPS[:1], met.append, ticking()), 1, view(), answer, {}) is None
    assert answer.status == 418
    assert [(each.kind, each.is_answer) for each in met] == [("query", True)]


def test_steps_of_a_call_that_was_not_watched_are_told_by_where_it_ended() -> None:
    stamps: list[int] = []
    _, place = run_request(STEPS, view(), {}, stamps=stamps, clock=ticking())
    assert [(each.kind, each.done, each.us) for each in steps_met(STEPS, place, "answered", stamps)] == [
        ("query", "passed", 1),
        ("request-headers", "passed", 1),
        ("ip-filter", "passed", 1),
        ("fixed-answer", "answered", 1),
        ("mock", "unreached", UNKNOWN),
    ]
