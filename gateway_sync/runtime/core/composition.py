"""Composition: one call of a composite operation as a state machine. Effects go out, what came of them comes in.

Each step is called once at most. When one fails for good, or the caller leaves, or the time is over, no further step
begins; once none is under way, the steps that took effect, or may have, are undone in the reverse order of their ends,
one after the other, each tried a bounded number of times. Then, and only then, the composition is over.
"""

from __future__ import annotations

from typing import Final

from gateway_sync.compositions.declaration import (
    DEFAULT,
    FAIL,
    LONGEST_PAUSE_MS,
    SAFE_METHODS,
    Composite,
    Condition,
    Step,
)
from gateway_sync.compositions.values import StepValue, ValueMissing, Values
from gateway_sync.runtime.core.composed_outcomes import (
    DONE,
    FAILED,
    NOT_RUN,
    NOT_UNDONE,
    RUNNING,
    SKIPPED,
    TOLERATED,
    UNDONE,
    Failure,
    Outcome,
    StepRecord,
)
from gateway_sync.runtime.core.composed_requests import StepRequest, read_body, read_fields, write_answer, write_request

FIRST_PAUSE_MS: Final = 100
FORWARD, UNDOING, OVER = 0, 1, 2


class Send:
    """Effect: make this call and tell what comes of it, under its number."""

    __slots__ = ("is_undo", "number", "request", "step")

    def __init__(self, number: int, step: str, request: StepRequest, *, is_undo: bool) -> None:
        """number is unique within the composition."""
        self.number = number
        self.step = step
        self.request = request
        self.is_undo = is_undo


class Pause:
    """Effect: tell when so many milliseconds are over."""

    __slots__ = ("milliseconds",)

    def __init__(self, milliseconds: int) -> None:
        """Before a compensation is tried again."""
        self.milliseconds = milliseconds


class Cut:
    """Effect: stop this call and tell so with on_failed."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        """number as in Send."""
        self.number = number


Effect = Send | Pause | Cut | Outcome


class Composition:
    """One call under way."""

    def __init__(self, composite: Composite, values: Values, key: str) -> None:
        """key is unique for the call; each step's idempotency key is made from it."""
        self.composite = composite
        self.records = [StepRecord(step.name) for step in composite.steps]
        self._values = values
        self._key = key
        self._phase = FORWARD
        self._failure: Failure | None = None
        self._running: dict[int, tuple[int, int]] = {}  # call number -> step, when it began
        self._ended: list[int] = []  # steps that took effect, or may have, in the order of their ends
        self._undoing = -1
        self._calls = 0
        self._bytes_left = composite.max_bytes

    @property
    def is_over(self) -> bool:
        """True when nothing is under way and nothing will be."""
        return self._phase == OVER

    def awaits(self, number: int) -> bool:
        """True while it was not told what came of this call."""
        return number in self._running

    @property
    def calls(self) -> int:
        """How many were made so far."""
        return self._calls

    # What happens.

    def begin(self, now_us: int) -> list[Effect]:
        """The first steps."""
        return self._advance(now_us)

    def use_body(self, body: bytes) -> None:
        """The request's body, before `begin`."""
        self._values.body = read_body(body)

    def count_bytes(self, size: int) -> bool:
        """True while the answers of steps, with size more bytes, are within the bound."""
        self._bytes_left -= size
        return self._bytes_left >= 0

    def on_answer(
        self, number: int, status: int, lines: list[bytes], body: bytes, now_us: int, retries: int = 0
    ) -> list[Effect]:
        """A call was answered; retries = how often it was sent again."""
        place, began_us = self._running.pop(number)
        record, step = self.records[place], self.composite.steps[place]
        if self._phase == UNDOING:
            if step.compensate is not None and step.compensate.call.expects(status):
                record.undo = UNDONE
                return self._undo_next(now_us)
            return self._try_again(f"answered {status}", now_us)
        record.us, record.status, record.retries = now_us - began_us, status, retries
        if not step.call.expects(status):
            self._fail(place, f"it answered {status}", has_effect=status >= 500)  # noqa: PLR2004
            return self._advance(now_us)
        self._values.steps[step.name] = StepValue(status, read_fields(lines), read_body(body))
        unmet = next((condition for condition in step.require if not condition.holds(self._values)), None)
        if unmet is not None:
            self._fail(place, f"its answer does not hold what is required: {unmet.words}", has_effect=True)
        else:
            record.outcome = DONE
            self._note_effect(place)
        return self._advance(now_us)

    def on_failed(self, number: int, reason: str, now_us: int, retries: int = 0, *, is_sent: bool) -> list[Effect]:
        """A call has no answer; is_sent = something of it may have reached the service."""
        place, began_us = self._running.pop(number)
        if self._phase == UNDOING:
            return self._try_again(reason, now_us)
        self.records[place].us, self.records[place].retries = now_us - began_us, retries
        self._fail(place, reason, has_effect=is_sent)
        return self._advance(now_us)

    def on_pause_over(self, now_us: int) -> list[Effect]:
        """The next try of a compensation."""
        return self._undo(now_us)

    def expire(self, now_us: int) -> list[Effect]:
        """The time for all steps is over: stop, and undo. Undoing has time limits of its own."""
        return self._stop(Failure("upstream-timeout", "", "The time for all steps is over."), now_us, is_cutting=True)

    def cancel(self, now_us: int) -> list[Effect]:
        """The caller left: begin nothing more; wait for what is under way, to know what is to be undone."""
        return self._stop(Failure("client-closed", "", "The caller left."), now_us, is_cutting=False)

    def _stop(self, failure: Failure, now_us: int, *, is_cutting: bool) -> list[Effect]:
        if self._phase != FORWARD:
            return []
        self._failure = self._failure or failure
        if not self._running:
            return self._advance(now_us)
        return [Cut(number) for number in self._running] if is_cutting else []

    # Forward.

    def _advance(self, now_us: int) -> list[Effect]:
        """Begin what can begin; when nothing is under way and nothing can, end."""
        effects: list[Effect] = []
        is_moving = self._failure is None
        while is_moving:
            is_moving = False
            for place, step in enumerate(self.composite.steps):
                if self.records[place].outcome == NOT_RUN and self._is_ready(step) and self._failure is None:
                    is_moving = True  # a step that is skipped may be what another one waits for
                    if (effect := self._begin(place, step, now_us)) is not None:
                        effects.append(effect)
        if self._running:
            return effects
        return self._finish(now_us) if self._failure is None else self._begin_undoing(now_us)

    def _is_ready(self, step: Step) -> bool:
        ended = {record.name for record in self.records if record.outcome not in {NOT_RUN, RUNNING}}
        return all(name in ended for name in step.after)

    def _begin(self, place: int, step: Step, now_us: int) -> Effect | None:
        record = self.records[place]
        if not _hold(step.when, self._values):
            record.outcome = SKIPPED
            return None
        try:
            request = write_request(step.call, self._values, self._key_of(place), self.composite.max_bytes)
        except ValueMissing as error:
            if error.is_of_request and step.on_failure.way == FAIL:
                self._failure = self._failure or Failure("invalid-request", step.name, f"{error}.")
            self._fail(place, str(error), has_effect=False)
            return None
        record.outcome = RUNNING
        return self._send(place, request, now_us, is_undo=False)

    def _send(self, place: int, request: StepRequest, now_us: int, *, is_undo: bool) -> Send:
        self._calls += 1
        self._running[self._calls] = place, now_us
        return Send(self._calls, self.composite.steps[place].name, request, is_undo=is_undo)

    def _key_of(self, place: int) -> str:
        return f"{self._key}.{self.composite.steps[place].name}"

    def _fail(self, place: int, reason: str, *, has_effect: bool) -> None:
        record, step = self.records[place], self.composite.steps[place]
        record.reason = reason
        if has_effect:
            self._note_effect(place)
        way = step.on_failure
        if way.way == FAIL:
            record.outcome = FAILED
            detail = way.detail or f"Step {step.name}: {reason}."
            self._failure = self._failure or Failure("step-failed", step.name, detail, way.status)
            return
        record.outcome = TOLERATED
        self._values.steps.pop(step.name, None)
        if way.way == DEFAULT:
            self._values.steps[step.name] = StepValue(body=way.default)

    def _note_effect(self, place: int) -> None:
        if self.composite.steps[place].call.method not in SAFE_METHODS:
            self._ended.append(place)

    def _finish(self, now_us: int) -> list[Effect]:
        try:
            lines, body = write_answer(self.composite.answer, self._values, self.composite.max_bytes)
        except ValueMissing as error:
            self._failure = Failure("step-failed", "", f"The answer cannot be written: {error}.")
            return self._begin_undoing(now_us)
        self._phase = OVER
        return [Outcome(self.records, self._calls, status=self.composite.answer.status, lines=lines, body=body)]

    # Undoing.

    def _begin_undoing(self, now_us: int) -> list[Effect]:
        self._phase = UNDOING
        self._ended = [place for place in self._ended if self.composite.steps[place].compensate is not None]
        return self._undo_next(now_us)

    def _undo_next(self, now_us: int) -> list[Effect]:
        if not self._ended:
            self._phase = OVER
            return [Outcome(self.records, self._calls, failure=self._failure)]
        self._undoing = self._ended.pop()
        return self._undo(now_us)

    def _undo(self, now_us: int) -> list[Effect]:
        place = self._undoing
        record, compensate = self.records[place], self.composite.steps[place].compensate
        if compensate is None:
            return self._undo_next(now_us)
        key = self._key_of(place)
        try:
            request = write_request(compensate.call, self._values, f"{key}.undo", self.composite.max_bytes, key)
        except ValueMissing as error:
            record.undo, record.undo_reason = NOT_UNDONE, str(error)
            return self._undo_next(now_us)
        record.undo_tries += 1
        return [self._send(place, request, now_us, is_undo=True)]

    def _try_again(self, reason: str, now_us: int) -> list[Effect]:
        """Once more after a pause, unless this one had its tries or the calls that are left are for the others."""
        place = self._undoing
        record, compensate = self.records[place], self.composite.steps[place].compensate
        record.undo_reason = reason
        calls_left = self.composite.max_calls - self._calls - len(self._ended)
        if compensate is None or record.undo_tries >= compensate.attempts or calls_left <= 0:
            record.undo = NOT_UNDONE
            return self._undo_next(now_us)
        return [Pause(min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << (record.undo_tries - 1)))]


def _hold(conditions: tuple[Condition, ...], values: Values) -> bool:
    return all(condition.holds(values) for condition in conditions)
