"""Steps: policies that act on a request on its way to the service, and on its answer on the way back.

A request meets the steps in the order of kinds, an answer in the reverse, beginning with the one before that which
answered. A shadow step acts on a copy, which is compared and thrown away, and counts as failed when it raises. What
another step raises is a bug and is let through: the shell ends the call with 500, and never goes on without the step.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Final

from gateway_sync.messages import Refusal
from gateway_sync.policies import AppliedPolicy
from gateway_sync.policies.views import Answer, AnswerView, Outcome, RequestView

OnRequest = Callable[[RequestView], Outcome]
OnAnswer = Callable[[RequestView, AnswerView], Outcome]
Counts = MutableMapping[tuple[str, str], int]  # (kind, what it would have done) -> times
Clock = Callable[[], int]

PASSED, CHANGED, ANSWERED, REFUSED, FAILED = "passed", "changed", "answered", "refused", "failed"
MOST_BODY_BYTES: Final = 16 * 1024 * 1024


class BoundStep:
    """A policy of one route that acts on messages.

    Shapes: body_bytes = the most of a request's body that it takes, 0 when it needs none; answer_bytes of an answer's;
    is_request_alike = it changes nothing but fields, and equal fields of one caller in the same way; is_answer_alike =
    it changes nothing but fields, and equal answers in the same way: so what it did once is not worked out again.
    """

    __slots__ = (
        "answer_bytes", "body_bytes", "is_answer_alike", "is_request_alike", "is_shadow", "kind", "on_answer",
        "on_request",
    )  # fmt: skip

    def __init__(self, policy: AppliedPolicy, value: object) -> None:
        """value is what the kind bound to the route."""
        self.kind = policy.kind
        self.is_shadow = policy.is_shadow
        self.on_request: OnRequest | None = getattr(value, "on_request", None)
        self.on_answer: OnAnswer | None = getattr(value, "on_answer", None)
        is_alike = not policy.is_shadow  # what a shadow would do is counted each time
        self.is_request_alike = is_alike and bool(getattr(value, "is_request_alike", False))
        self.is_answer_alike = is_alike and bool(getattr(value, "is_answer_alike", False))
        self.body_bytes = min(int(getattr(value, "body_bytes", 0)), MOST_BODY_BYTES)
        self.answer_bytes = min(int(getattr(value, "answer_bytes", 0)), MOST_BODY_BYTES)


class Closed:
    """The step of a route that a policy cannot act on."""

    @staticmethod
    def on_request(_request: RequestView) -> Refusal:
        """The refusal."""
        return Refusal("internal-error", "A policy of this operation cannot be enforced here.", status=503)


def bind_step(policy: AppliedPolicy, value: object) -> BoundStep | None:
    """The step of a policy; None for a kind that admission or forwarding knows by itself."""
    step = BoundStep(policy, value)
    return step if step.on_request is not None or step.on_answer is not None else None


def run_request(
    steps: tuple[BoundStep, ...],
    request: RequestView,
    counts: Counts,
    *,
    is_body_kept: bool = True,
    stamps: list[int] | None = None,
    clock: Clock = int,
) -> tuple[Outcome, int]:
    """What ends the request here, if anything does, and how many steps it met.

    Shapes: is_body_kept is False for a body larger than shadow steps take; they would have refused it; stamps gets the
    clock's time before the first step and after each.
    """
    if stamps is not None:
        stamps.append(clock())
    for place, step in enumerate(steps):
        if step.on_request is None:
            continue
        if step.is_shadow:
            if step.body_bytes and not is_body_kept:
                _count(counts, step.kind, REFUSED)
            else:
                _try_request(step, request, counts)
            if stamps is not None:
                stamps.append(clock())
            continue
        outcome = step.on_request(request)
        if stamps is not None:
            stamps.append(clock())
        if outcome is not None:
            return outcome, place
    return None, len(steps)


def run_answer(
    steps: tuple[BoundStep, ...], met: int, request: RequestView, answer: AnswerView, counts: Counts
) -> Outcome:
    """What replaces the answer, if anything does; met is how many steps the request met."""
    for step in reversed(steps[:met]):
        if step.on_answer is None:
            continue
        if step.is_shadow:
            if not step.answer_bytes or answer.body is not None:
                _try_answer(step, request, answer, counts)
            continue
        outcome = step.on_answer(request, answer)
        if outcome is not None:
            return outcome
    return None


def _try_request(step: BoundStep, request: RequestView, counts: Counts) -> None:
    twin = request.copy()
    try:
        outcome = step.on_request(twin) if step.on_request is not None else None
    except Exception:  # noqa: BLE001 - whatever it raises, nothing of it is done
        _count(counts, step.kind, FAILED)
        return
    if step.on_answer is not None:
        request.notes = twin.notes  # for its trial on the answer
        if outcome is None and twin.is_like(request):
            return  # counted there
    _count(counts, step.kind, _what(outcome, is_changed=not twin.is_like(request)))


def _try_answer(step: BoundStep, request: RequestView, answer: AnswerView, counts: Counts) -> None:
    twin = answer.copy()
    try:
        outcome = step.on_answer(request.copy(), twin) if step.on_answer is not None else None
    except Exception:  # noqa: BLE001 - as in _try_request
        _count(counts, step.kind, FAILED)
        return
    _count(counts, step.kind, _what(outcome, is_changed=not twin.is_like(answer)))


def _what(outcome: Outcome, *, is_changed: bool) -> str:
    if isinstance(outcome, Refusal):
        return REFUSED
    if isinstance(outcome, Answer):
        return ANSWERED
    return CHANGED if is_changed else PASSED


def _count(counts: Counts, kind: str, done: str) -> None:
    counts[kind, done] = counts.get((kind, done), 0) + 1
