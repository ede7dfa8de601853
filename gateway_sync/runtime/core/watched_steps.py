"""WatchedStep: a step of which is noted what it did and how long it took; of exchanges that are recorded only.

Acts as the step it stands for. The clock is given: this is the core.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway_sync.messages import Refusal
from gateway_sync.policies.views import Answer, AnswerView, Outcome, RequestView
from gateway_sync.runtime.core.steps import ANSWERED, CHANGED, FAILED, PASSED, REFUSED, BoundStep
from gateway_sync.trace_wire import PolicyMet

Clock = Callable[[], int]
Note = Callable[[PolicyMet], None]


class WatchedStep(BoundStep):
    """A step, and who is told about it. Units: the clock counts nanoseconds."""

    __slots__ = ("_clock", "_note", "_step")

    def __init__(self, step: BoundStep, note: Note, clock: Clock) -> None:
        """Everything else is as the step's own."""
        self._step = step
        self._note = note
        self._clock = clock
        self.kind = step.kind
        self.is_shadow = step.is_shadow
        self.is_request_alike = self.is_answer_alike = False  # it is to be seen each time
        self.body_bytes = step.body_bytes
        self.answer_bytes = step.answer_bytes
        self.on_request = self._watch_request if step.on_request is not None else None
        self.on_answer = self._watch_answer if step.on_answer is not None else None

    def _watch_request(self, request: RequestView) -> Outcome:
        act = self._step.on_request
        before = request.copy()
        began = self._clock()
        try:
            outcome = act(request) if act is not None else None
        except Exception:
            self._tell(FAILED, self._clock() - began, is_answer=False)
            raise
        took = self._clock() - began
        self._tell(_what(outcome, is_changed=not request.is_like(before)), took, is_answer=False)
        return outcome

    def _watch_answer(self, request: RequestView, answer: AnswerView) -> Outcome:
        act = self._step.on_answer
        before = answer.copy()
        began = self._clock()
        try:
            outcome = act(request, answer) if act is not None else None
        except Exception:
            self._tell(FAILED, self._clock() - began, is_answer=True)
            raise
        took = self._clock() - began
        self._tell(_what(outcome, is_changed=not answer.is_like(before)), took, is_answer=True)
        return outcome

    def _tell(self, done: str, took: int, *, is_answer: bool) -> None:
        self._note(PolicyMet(self.kind, done, max(0, took) // 1000, is_shadow=self.is_shadow, is_answer=is_answer))


def watched(steps: tuple[BoundStep, ...], note: Note, clock: Clock) -> tuple[BoundStep, ...]:
    """The steps, watched."""
    return tuple(WatchedStep(step, note, clock) for step in steps)


def _what(outcome: Outcome, *, is_changed: bool) -> str:
    if isinstance(outcome, Refusal):
        return REFUSED
    if isinstance(outcome, Answer):
        return ANSWERED
    return CHANGED if is_changed else PASSED
