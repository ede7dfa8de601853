"""Stepping: an exchange on a route whose policies act on messages: collects bodies for them, runs them, obeys them.

Owns: what an exchange needs beyond admission and forwarding; a plain route has none of it. Must not know: any kind.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gateway_sync.messages import CHUNKED, NO_BODY, SIZED, Refusal, RequestHead, ResponseHead
from gateway_sync.policies.views import Answer, AnswerView, Filter, RequestView
from gateway_sync.runtime.core.grants import concurrency_key, shadow_charges
from gateway_sync.runtime.core.stages import steps_met
from gateway_sync.runtime.core.stepped_heads import copy_of, head_of, phrase, take_over, view_of
from gateway_sync.runtime.core.steps import ANSWERED, FAILED, PASSED, REFUSED, BoundStep, run_answer, run_request
from gateway_sync.runtime.core.watched_steps import watched
from gateway_sync.runtime.delays import Delay
from gateway_sync.runtime.inflight import FULL
from gateway_sync.runtime.lending import loan_of
from gateway_sync.trace_wire import PolicyMet

if TYPE_CHECKING:
    from gateway_sync.runtime.core.budgets import Loan
    from gateway_sync.runtime.core.rules import Rules
    from gateway_sync.runtime.exchange import Exchange

logger = logging.getLogger(__name__)


class Stepping:
    """The policies of one exchange at work."""

    __slots__ = (
        "_acquired", "_answer_bytes", "_body", "_delay", "_exchange", "_filter", "_held", "_held_head", "_is_whole",
        "_loan", "_met", "_outcome", "_rules", "_stamps", "_steps", "_view", "is_collecting",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, rules: Rules) -> None:
        """Nothing was run yet; `begin` does."""
        self._exchange = exchange
        self._rules = rules
        recording = exchange.recording
        self._steps: tuple[BoundStep, ...] = (
            rules.steps if recording is None else watched(rules.steps, recording.add_policy, time.perf_counter_ns)
        )
        self._stamps: list[int] = []
        self._outcome = FAILED  # what the step at _met did
        self._acquired: list[int] = []
        self._body = bytearray()  # no list: of tiny pieces one takes many times what they hold
        self._loan: Loan | None = None
        self._met = 0
        self._view: RequestView | None = None
        self._filter: Filter | None = None
        self._held: bytearray | None = None
        self._held_head: ResponseHead | None = None
        self._is_whole = False
        self._delay: Delay | None = None
        self.is_collecting = False
        self._answer_bytes = rules.answer_bytes

    # The request.

    def begin(self) -> None:
        """Run the steps, at once or when the body that they need is there."""
        exchange, rules = self._exchange, self._rules
        self._count_shadows()
        if rules.concurrency and (refusal := self._acquire()) is not None:
            exchange.refuse(refusal)
            return
        limit = rules.body_bytes
        if not limit or exchange.head.body == NO_BODY:
            self._run(None)
        elif exchange.head.content_length <= limit:
            self.is_collecting = True
        elif rules.is_body_needed:
            exchange.refuse(_too_large(limit))
        else:
            self._run(None, is_body_kept=False)

    def collect(self, content: bytes, *, is_complete: bool) -> None:
        """Keep a part of the request's body; after its last one the steps run."""
        if self._delay is not None:
            self._delay.hold(content, is_complete=is_complete)
            return
        limit = self._rules.body_bytes
        if len(self._body) + len(content) > limit:
            self._give_up(_too_large(limit), content, is_complete=is_complete)
        elif not self._borrow(len(content)):
            self._give_up(_full(), content, is_complete=is_complete)
        elif is_complete:
            self.is_collecting = False
            body, self._body = bytes(self._body + content) if self._body else content, bytearray()
            self._run(body)
        else:
            self._body += content

    def _borrow(self, size: int) -> bool:
        """True when the worker has room for so many more bytes of a body, until the exchange is over."""
        if self._loan is None:
            self._loan = loan_of(self._exchange)
        return self._loan.grow(size)

    def hand_over_loan(self) -> Loan | None:
        """What was borrowed for the request's body, to who keeps the body from now on and ends the loan."""
        loan, self._loan = self._loan, None
        return loan

    def _give_up(self, refusal: Refusal, content: bytes, *, is_complete: bool) -> None:
        """The body is more than can be kept: refuse it, or send it on as it comes when only shadows wanted it."""
        if self._rules.is_body_needed:
            self._body = bytearray()
            self._exchange.refuse(refusal)
            return
        self.is_collecting = False
        content, self._body = bytes(self._body + content), bytearray()
        self._run(None, is_body_kept=False)
        if not self._exchange.is_over:
            self._exchange.send_on(content, is_complete=is_complete)

    def _run(self, body: bytes | None, *, is_body_kept: bool = True) -> None:
        exchange = self._exchange
        try:
            outcome = self._run_steps(body, is_body_kept=is_body_kept)
        except Exception:  # the edge of other people's code: a bug in a policy costs this call, and never lets it pass
            logger.exception("a policy failed at request %s", exchange.request_id.decode())
            outcome = Refusal("internal-error")
        if self._view is not None and self._view.delay_ms and not isinstance(outcome, Refusal):
            self._delay = Delay(exchange, self._view.delay_ms, lambda: self._go_on(outcome, body))
            self.is_collecting = True
        else:
            self._go_on(outcome, body)

    def _go_on(self, outcome: tuple[ResponseHead, bytes] | Refusal | None, body: bytes | None) -> None:
        """Do what the steps say, and send on what of the body was held."""
        exchange, delay, self._delay = self._exchange, self._delay, None
        self.is_collecting = False
        if isinstance(outcome, Refusal):
            exchange.refuse(outcome)
        elif outcome is not None:
            self._answer(*outcome)
        else:
            exchange.go_on(exchange.admission.route.version)  # type: ignore[union-attr]  # only routes have rules
            if body is not None and not exchange.is_over:
                exchange.send_on(self._view.body if self._view and self._view.body else b"", is_complete=True)
            elif delay is not None:
                delay.send_held()

    def _run_steps(self, body: bytes | None, *, is_body_kept: bool) -> tuple[ResponseHead, bytes] | Refusal | None:
        """Run them on a view; what they left is what goes on. Else an answer in the service's place, or a refusal."""
        exchange, head, admission = self._exchange, self._exchange.head, self._exchange.admission
        route = admission.route
        if route is None:
            return Refusal("internal-error")
        rules = self._rules
        is_watched = self._steps is not rules.steps
        if not is_watched and rules.are_requests_alike and self._take_known(head):
            return None
        block = head.block() if rules.are_requests_alike and rules.has_requests and body is None else b""
        view = self._view = view_of(head, admission, route, exchange.client.address, exchange.request_id, body)
        outcome, self._met = run_request(
            self._steps,
            view,
            self._counts(),
            is_body_kept=is_body_kept,
            stamps=self._stamps,
            clock=time.perf_counter_ns,
        )
        self._outcome = REFUSED
        if isinstance(outcome, Answer):
            self._outcome = ANSWERED
            return head_of(outcome, exchange.serving.date, is_head=exchange.is_head), outcome.body
        if block and not is_watched and outcome is None:
            exchange.client.stepped = (rules, view.caller, block, head.block())
            return None
        return outcome or take_over(view, head, admission, route)

    def _take_known(self, head: RequestHead) -> bool:
        """True when what the steps do to this request is known from the one before it on the connection."""
        exchange, rules = self._exchange, self._rules
        if rules.has_requests:
            known, grant = exchange.client.stepped, exchange.admission.grant
            if known is None or grant is None or known[0] is not rules or known[1] is not grant.caller:
                return False
            if known[2] != head.block():
                return False
            head.lines = []
            head.begin(known[3])
        self._stamps.append(time.perf_counter_ns())
        self._met = len(rules.steps)
        self._outcome = REFUSED
        return True

    def _answer(self, head: ResponseHead, body: bytes) -> None:
        """Send an answer in the service's place."""
        exchange = self._exchange
        exchange.version = exchange.admission.route.version  # type: ignore[union-attr]  # only routes have rules
        exchange.sent_ns = time.time_ns()
        exchange.on_answer(head, body if head.body == SIZED else b"", is_complete=True)

    # The answer.

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
            logger.exception("a policy failed at the answer to %s", view.request_id)
            outcome = Refusal("internal-error")
        if isinstance(outcome, Answer):
            logger.error("a policy replaced an answer instead of changing it: %s", view.request_id)
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
            self._exchange.fail(_full())
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
            logger.exception("a policy failed at the answer to %s", self._exchange.request_id.decode())
            self._exchange.fail(Refusal("internal-error"))
            return None

    # What is told afterwards.

    @property
    def has_run(self) -> bool:
        """True when the steps were begun."""
        return bool(self._stamps)

    def steps_met(self) -> list[PolicyMet]:
        """What the steps did to the request, of a call in which they were not watched."""
        met = self._met if self._outcome != FAILED else max(0, len(self._stamps) - 1)
        return steps_met(self._rules.steps, met, self._outcome, self._stamps) if self._stamps else []

    # What is counted and not done.

    def _counts(self) -> dict[tuple[str, str], int]:
        return self._exchange.serving.shadows.of(self._exchange.admission.route)

    def _count_shadows(self) -> None:
        """Try the shadow policies of the kinds that admission knows by itself."""
        exchange, rules = self._exchange, self._rules
        if rules.shadow_ip_filters:
            admits = all(rule.admits(exchange.client.address) for rule in rules.shadow_ip_filters)
            self._count("ip-filter", is_refused=not admits)
        if rules.shadow_rates and exchange.admission.grant is not None:
            charges = shadow_charges(exchange.admission.grant, exchange.head, exchange.client.address)
            charged = exchange.serving.limits.charge(charges, time.time_ns())
            self._count("rate-limit", is_refused=charged is None or bool(charged[0]))

    def _count(self, kind: str, *, is_refused: bool) -> None:
        counts = self._counts()
        key = kind, REFUSED if is_refused else PASSED
        counts[key] = counts.get(key, 0) + 1
        if self._exchange.recording is not None:
            self._exchange.recording.add_policy(PolicyMet(*key, is_shadow=True))

    def _acquire(self) -> Refusal | None:
        """Count the call among those under way, of each limit or of none."""
        exchange = self._exchange
        inflight, grant, route = exchange.serving.inflight, exchange.admission.grant, exchange.admission.route
        if inflight is None or grant is None or route is None:
            return Refusal("overloaded", "Calls at once cannot be counted here.")
        for rule in self._rules.concurrency:
            cell = inflight.acquire(concurrency_key(rule, grant, route, exchange.client.address), rule.most)
            if cell >= 0:
                self._acquired.append(cell)
            if rule.is_shadow:
                self._count("concurrency-limit", is_refused=cell < 0)
            elif cell < 0:
                code = "concurrency-limited" if cell == FULL else "overloaded"
                return Refusal(code, fields=(b"Retry-After: 1",))
        return None

    def finish(self, request_bytes: int) -> None:
        """The exchange is over."""
        if self._loan is not None:
            self._loan.end()
        inflight = self._exchange.serving.inflight
        while self._acquired and inflight is not None:
            inflight.release(self._acquired.pop())
        if self._rules.shadow_body_bytes >= 0:
            self._count("size-limit", is_refused=request_bytes > self._rules.shadow_body_bytes)


def _too_large(limit: int) -> Refusal:
    return Refusal("body-too-large", f"The limit is {limit} bytes.", is_closing=True)


def _full() -> Refusal:
    return Refusal("overloaded", "Too many bodies are being collected.", (b"Retry-After: 1",), is_closing=True)
