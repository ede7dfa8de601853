"""The state machine of a composite operation: whatever services do, callers leave or time runs out."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.compositions import Composite, read_composite
from gateway_sync.compositions.values import MISSING, Values
from gateway_sync.problems import Where
from gateway_sync.runtime.core.composed_outcomes import DONE, NOT_RUN, NOT_UNDONE, SKIPPED, TOLERATED, UNDONE, Outcome
from gateway_sync.runtime.core.composed_requests import read_body
from gateway_sync.runtime.core.composition import Composition, Cut, Effect, Pause, Send


def composite_of(steps: list[dict[str, Any]], **more: Any) -> Composite:
    answer = {"status": 201, "body": {"a": "{steps.s0.body.n}"}}
    settings = {"steps": steps, "answer": answer, "maxBytes": 1000} | more
    composite, problems = read_composite("POST /x", settings, Where("version", ""))
    assert not [problem for problem in problems if problem.is_error], problems
    return composite


def step(number: int, **more: Any) -> dict[str, Any]:
    undo = {"call": f"POST /undo/{number}", "attempts": 2}
    return {"name": f"s{number}", "call": f"POST /do/{number}", "compensate": undo} | more


@dataclass
class Run:
    """One composition driven to its end; what services do is asked of answer_of."""

    core: Composition
    sent: list[str] = field(default_factory=list)  # steps called, in order
    undone: list[str] = field(default_factory=list)  # steps whose compensation was answered well, in order
    in_effect: list[str] = field(default_factory=list)  # steps that may have taken effect, in the order they ended
    open: dict[int, Send] = field(default_factory=dict)
    pauses: int = 0
    outcome: Outcome | None = None
    clock: int = 0

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert self.outcome is None, "nothing follows the end"
            if isinstance(effect, Send):
                self.open[effect.number] = effect
                if not effect.is_undo:
                    self.sent.append(effect.step)
            elif isinstance(effect, Pause):
                self.pauses += 1
            elif isinstance(effect, Cut):
                self.fail(effect.number, is_sent=True)
            else:
                self.outcome = effect

    def answer(self, number: int, status: int, body: bytes = b'{"n": 1}') -> None:
        send = self.open.pop(number)
        if send.is_undo and status < 300:
            self.undone.append(send.step)
        elif not send.is_undo and not 300 <= status < 500:
            self.in_effect.append(send.step)
        self.take(self.core.on_answer(number, status, [b"Location: /x"], body, self._now()))

    def fail(self, number: int, *, is_sent: bool) -> None:
        send = self.open.pop(number)
        if is_sent and not send.is_undo:
            self.in_effect.append(send.step)
        self.take(self.core.on_failed(number, "it broke", self._now(), is_sent=is_sent))

    def _now(self) -> int:
        self.clock += 10
        return self.clock


def run_of(composite: Composite, body: bytes = b"{}") -> Run:
    run = Run(Composition(composite, Values(), "r-1"))
    run.core.use_body(body)
    run.take(run.core.begin(0))
    return run


@st.composite
def composites(draw: st.DrawFn) -> Composite:
    steps = []
    for number in range(draw(st.integers(1, 6))):
        more: dict[str, Any] = {
            "after": draw(st.lists(st.sampled_from([f"s{n}" for n in range(number)]), unique=True)) if number else []
        }
        if draw(st.booleans()):
            more["onFailure"] = draw(st.sampled_from(["skip", {"default": {"n": 2}}]))
        if draw(st.integers(0, 3)) == 0:
            more["when"] = {"value": "{request.body.on}", "equals": True}
        if draw(st.integers(0, 3)) == 0:
            more["require"] = {"value": f"{{steps.s{number}.body.n}}", "equals": 1}
        steps.append(step(number, **more))
    least = 2 * len(steps)
    return composite_of(steps, maxCalls=draw(st.integers(least, least + 6)))


DEEDS = ("ok", "other", "refused", "broken", "unsent", "lost", "leave", "expire")


@given(composites(), st.booleans(), st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 9)), max_size=60))
def test_a_composition_ends_and_undoes_what_it_did(composite: Composite, is_on: bool, deeds: list[tuple[str, int]]):
    run = run_of(composite, b'{"on": true}' if is_on else b"{}")
    at_end = iter([*deeds, *[("lost", 0)] * 200])
    while run.outcome is None:
        if not run.open:
            assert run.pauses, "something is always under way"
            run.pauses -= 1
            run.take(run.core.on_pause_over(run.clock))
            continue
        deed, which = next(at_end)
        number = sorted(run.open)[which % len(run.open)]
        if deed in {"ok", "other"}:
            run.answer(number, 200, b'{"n": 1}' if deed == "ok" else b'{"n": 2}')
        elif deed in {"refused", "broken"}:
            run.answer(number, 409 if deed == "refused" else 500)
        elif deed in {"unsent", "lost"}:
            run.fail(number, is_sent=deed == "lost")
        elif deed == "leave":
            run.take(run.core.cancel(run.clock))
        else:
            run.take(run.core.expire(run.clock))
    outcome = run.outcome
    assert run.core.is_over
    assert not run.open
    assert max(Counter(run.sent).values(), default=0) <= 1
    assert outcome.calls <= composite.max_calls
    touched = [record.name for record in outcome.records if record.undo]
    if outcome.failure is None:
        assert touched == run.undone == []
        assert all(record.outcome in {DONE, SKIPPED, TOLERATED} for record in outcome.records)
    else:
        assert sorted(touched) == sorted(run.in_effect)
        backwards = [name for name in reversed(run.in_effect) if name in run.undone]
        assert run.undone == backwards
        assert list(outcome.undone) == [record.name for record in outcome.records if record.name in run.undone]
        assert all(record.undo_tries <= 2 for record in outcome.records)


@given(composites())
def test_a_step_begins_after_those_it_waits_for(composite: Composite):
    run = run_of(composite, b'{"on": true}')
    ended: set[str] = set()
    while run.outcome is None:
        number = min(run.open)
        name = run.open[number].step
        assert set(composite.steps[int(name[1:])].after) <= ended
        ended.add(name)
        run.answer(number, 200)
    assert run.outcome.failure is None
    assert run.outcome.status == 201


def test_values_are_handed_on_with_every_digit():
    second = step(1, body={"amount": "{steps.s0.body.amount}", "id": "{request.body.id}"})
    run = run_of(composite_of([step(0), second], answer={"body": {"x": "{steps.s1.body}"}}), b'{"id": [1, null]}')
    run.answer(1, 200, b'{"amount": 12345678901234567890.10}')
    assert run.open[2].request.body == b'{"amount":12345678901234567890.10,"id":[1,null]}'
    run.answer(2, 200, b'{"ok": 0.1}')
    assert run.outcome is not None
    assert run.outcome.body == b'{"x":{"ok":0.1}}'


def test_each_call_has_a_key_of_its_own_and_an_undoing_one_names_what_it_undoes():
    run = run_of(composite_of([step(0), step(1)]))
    assert b"Idempotency-Key: r-1.s0" in run.open[1].request.lines
    run.answer(1, 200)
    run.answer(2, 409)
    assert run.open[3].request.path == b"/undo/0"
    assert run.open[3].request.lines[-2:] == [b"Idempotency-Key: r-1.s0.undo", b"X-Apim-Undoes: r-1.s0"]


def test_a_compensation_that_fails_is_tried_again_with_the_same_key_and_then_told():
    run = run_of(composite_of([step(0), step(1)]))
    run.answer(1, 200)
    run.answer(2, 409)
    keys = set()
    for number in (3, 4):
        keys.add(run.open[number].request.lines[-2])
        run.answer(number, 503)
        if run.pauses:
            run.pauses -= 1
            run.take(run.core.on_pause_over(run.clock))
    assert keys == {b"Idempotency-Key: r-1.s0.undo"}
    assert run.outcome is not None
    assert run.outcome.not_undone == ("s0",)
    refusal = run.outcome.refusal()
    assert (refusal.code, dict(refusal.members)) == ("not-undone", {"step": "s1", "not_undone": ["s0"]})


def test_what_a_caller_left_out_is_the_callers_fault():
    run = run_of(composite_of([step(0, call="POST /do/{request.body.id}")]))
    assert run.sent == []
    assert run.outcome is not None
    refusal = run.outcome.refusal()
    assert (refusal.code, refusal.detail) == ("invalid-request", "{request.body.id} is not there.")


@pytest.mark.parametrize("where", ["headers", "query"])
@pytest.mark.parametrize("value", [b"{}", b"[]"])
def test_a_list_or_an_object_is_no_value_of_a_field(where: str, value: bytes):
    composite = composite_of([step(0, **{where: {"note": "{request.body.note}"}})])
    run = run_of(composite, b'{"note": %s}' % value)
    assert run.sent == []
    assert run.outcome is not None
    assert run.outcome.refusal().detail == "{request.body.note} is a list or an object."


def test_a_document_that_becomes_too_deep_to_be_written_is_refused():
    deepest = next(depth for depth in range(sys.getrecursionlimit(), 0, -1) if is_readable(depth))
    body: object = "{request.body}"
    for _ in range(20):
        body = [body]
    for depth in range(deepest - 12, deepest - 5):
        run = run_of(composite_of([step(0, body=body)], maxBytes=10_000), b"[" * depth + b"]" * depth)
        assert run.sent == []
        assert run.outcome is not None
        assert "nested too deeply" in run.outcome.refusal().detail


def is_readable(depth: int) -> bool:
    return read_body(b"[" * depth + b"]" * depth) is not MISSING


def test_a_value_cannot_leave_its_segment_of_the_path():
    for value, path in ((b'"a/../b?c#d"', None), (b'".."', None), (b'""', None), (b'"a b"', b"/do/a%20b/x")):
        run = run_of(composite_of([step(0, call="POST /do/{request.body.id}/x")]), b'{"id": %s}' % value)
        assert [send.request.path for send in run.open.values()] == ([path] if path else [])


def test_the_owner_chooses_what_a_failure_says():
    said = {"fail": {"status": 409, "detail": "Too little."}}
    run = run_of(composite_of([step(0, onFailure=said)]))
    run.answer(1, 404)
    assert run.outcome is not None
    refusal = run.outcome.refusal()
    assert (refusal.code, refusal.status, refusal.detail) == ("step-failed", 409, "Too little.")
    assert [record.undo for record in run.outcome.records] == [""]


def test_the_time_for_all_steps_cuts_what_is_under_way_and_undoes_it():
    run = run_of(composite_of([step(0), step(1, after=[])]))
    run.answer(1, 200)
    run.take(run.core.expire(100))
    assert [send.request.path for send in run.open.values()] == [b"/undo/1"]
    run.answer(3, 200)
    run.answer(4, 200)
    assert run.outcome is not None
    assert run.undone == ["s1", "s0"]
    assert run.outcome.refusal().code == "upstream-timeout"


def test_nothing_begins_after_the_caller_left_and_what_is_under_way_is_waited_for():
    run = run_of(composite_of([step(0), step(1)]))
    run.take(run.core.cancel(5))
    assert list(run.open) == [1]
    run.answer(1, 200)
    assert run.open[2].is_undo
    run.answer(2, 200)
    assert run.outcome is not None
    assert [record.undo for record in run.outcome.records] == [UNDONE, ""]
    assert run.outcome.records[1].outcome == NOT_RUN


def test_the_bytes_of_all_answers_are_bounded_together():
    core = Composition(composite_of([step(0)]), Values(), "r-1")
    assert core.count_bytes(600)
    assert not core.count_bytes(401)


def test_a_compensation_that_cannot_be_written_is_told():
    undo = {"call": "POST /undo/{steps.s0.body.id}"}
    run = run_of(composite_of([step(0, compensate=undo), step(1)]))
    run.answer(1, 200, b"no json")
    run.answer(2, 409)
    assert run.outcome is not None
    assert run.outcome.records[0].undo == NOT_UNDONE
