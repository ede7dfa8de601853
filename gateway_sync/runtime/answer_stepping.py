"""AnswerStepping: the answer on a route whose policies act on messages: what they make of its head and content.

Owns: what an exchange needs for that; a plain route has none of it. Must not know: any kind.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gateway_sync.messages import CHUNKED, NO_BODY, SIZED, Refusal, ResponseHead
from gateway_sync.policies.views import Answer, AnswerView, Filter, RequestView
from gateway_sync.runtime.core.stepped_heads import copy_of, phrase, view_of
from gateway_sync.runtime.core.steps import BoundStep, run_answer
from gateway_sync.runtime.core.watched_steps import watched
from gateway_sync.runtime.lending import loan_of
from gateway_sync.runtime.logs import of_request

if TYPE_CHECKING:
    from gateway_sync.runtime.core.budgets import Loan
    from gateway_sync.runtime.core.rules import Rules
    from gateway_sync.runtime.exchange import Exchange

logger = logging.getLogger(__name__)


class AnswerStepping:
    """The policies of one exchange, at its answer."""

    __slots__ = (
        "_answer_bytes", "_exchange", "_filter", "_held", "_held_head", "_is_whole", "_loan", "_met", "_rules",
        "_stamps", "_steps", "_view",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, rules: Rules) -> None:
        """Nothing was run yet."""
        self._exchange = exchange
        self._rules = rules
        recording = exchange.recording
        self._steps: tuple[BoundStep, ...] = (
            rules.steps if recording is None else watched(rules.steps, recording.add_policy, time.perf_counter_ns)
        )
        self._stamps: list[int] = []  # when each step met the request
        self._met = 0
        self._loan: Loan | None = None
        self._view: RequestView | None = None
        self._filter: Filter | None = None
        self._held: bytearray | None = None
        self._held_head: ResponseHead | None = None
        self._is_whole = False
        self._answer_bytes = rules.answer_bytes

    def on_answer(self, head: ResponseHead, body: bytes, *, is_complete: bool) -> tuple[ResponseHead, bytes] | None:
        """The head and content to send; None when there is nothing to send yet, or the call was refused."""
        if self._answer_bytes and not self._is_whole and not is_complete:
            self._held, self._held_head = bytearray(), head
            self.on_content(body, is_complete=False)
            return None
        rules, exchange, route = self._rules, self._exchange, self._exchange.admission.route
        if not rules.has_answers or not self._stamps or route is None:
            return head, body
        # What a service says is mostly what it said before, in heads that are one object: their framing stays too.
        is_alike = rules.are_answers_alike and self._met == len(rules.steps) and head.body in (SIZED, NO_BODY)
        is_alike = is_alike and self._steps is rules.steps
        if is_alike and head.stepped is not None and head.stepped[0] is rules:
            return head.stepped[1], body
        view = self._view
        if view is None:
            client = exchange.client
            view = view_of(exchange.head, exchange.admission, route, client.address, exchange.request_id, None)
            self._view = view
        changed = copy_of(head)
        answer = AnswerView(
            head.status,
            changed.lines,
            size=head.content_length if head.body in (SIZED, NO_BODY) else -1,
            has_content=head.body != NO_BODY,
            body=body if is_complete and self._answer_bytes else None,
        )
        try:
            outcome = run_answer(self._steps, self._met, view, answer, self._counts())
        except Exception:  # as in _run
            logger.exception("a policy failed at the answer to %s", view.request_id, extra=of_request(view.request_id))
            outcome = Refusal("internal-error")
        if isinstance(outcome, Answer):
            logger.error(
                "a policy replaced an answer instead of changing it: %s",
                view.request_id,
                extra=of_request(view.request_id),
            )
            outcome = Refusal("internal-error")
        if outcome is not None:
            self._exchange.fail(outcome)
            return None
        changed.status = answer.status
        if answer.status != head.status:
            changed.reason = phrase(answer.status)
        if is_alike:
            head.stepped = rules, changed
            return changed, body
        return self._with_content(changed, answer, body, is_complete=is_complete)

    def _with_content(
        self, head: ResponseHead, answer: AnswerView, body: bytes, *, is_complete: bool
    ) -> tuple[ResponseHead, bytes] | None:
        """The head, framed for the content that the steps left."""
        if answer.body is not None:
            body = answer.body
        self._filter = answer.filter if answer.has_content else None
        if self._filter is not None:
            filtered = self._filtered(self._filter, body, is_complete=is_complete)
            if filtered is None:
                return None
            body = filtered
        if head.body != NO_BODY and (is_complete or self._filter is not None):
            head.body = SIZED if is_complete else CHUNKED
            head.content_length = len(body) if is_complete else -1
        return head, body

    def on_content(self, body: bytes, *, is_complete: bool) -> bytes | None:
        """More of the answer's content as it is sent; None while it is held back for a step that needs it whole."""
        held = self._held
        if held is None:
            return body if self._filter is None else self._filtered(self._filter, body, is_complete=is_complete)
        if len(held) + len(body) > self._answer_bytes:
            self._exchange.fail(Refusal("upstream-invalid", f"The answer is larger than {self._answer_bytes} bytes."))
            return None
        if not self._borrow(len(body)):
            self._exchange.fail(full())
            return None
        held += body
        if is_complete and self._held_head is not None:
            self._held, self._is_whole = None, True
            self._exchange.on_answer(self._held_head, bytes(held), is_complete=True)
        else:
            self._exchange.client.deadline = self._exchange.serving.clock + self._exchange.version.timeout_s + 0.25
        return None

    def _filtered(self, content_filter: Filter, body: bytes, *, is_complete: bool) -> bytes | None:
        """What can be sent of the content; None when the filter failed, and the call with it."""
        try:
            return content_filter.feed(body) + (content_filter.finish() if is_complete else b"")
        except Exception:  # as in _run
            request_id = self._exchange.request_id.decode()
            logger.exception("a policy failed at the answer to %s", request_id, extra=of_request(request_id))
            self._exchange.fail(Refusal("internal-error"))
            return None

    def _borrow(self, size: int) -> bool:
        """True when the worker has room for so many more bytes of a body, until the exchange is over."""
        if self._loan is None:
            self._loan = loan_of(self._exchange)
        return self._loan.grow(size)

    def _counts(self) -> dict[tuple[str, str], int]:
        return self._exchange.serving.shadows.of(self._exchange.admission.route)


def full() -> Refusal:
    """There is no room for a body."""
    return Refusal("overloaded", "Too many bodies are being collected.", (b"Retry-After: 1",), is_closing=True)
