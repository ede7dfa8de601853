"""Stepping: a request on a route whose policies act on messages: collects its body for them, runs them, obeys them.

Owns: what an exchange needs beyond admission and forwarding; a plain route has none of it. Must not know: any kind.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gateway_sync.messages import NO_BODY, SIZED, Refusal, RequestHead, ResponseHead
from gateway_sync.policies.views import Answer
from gateway_sync.runtime.answer_stepping import AnswerStepping, full
from gateway_sync.runtime.core.grants import concurrency_key, shadow_charges
from gateway_sync.runtime.core.stages import steps_met
from gateway_sync.runtime.core.stepped_heads import head_of, take_over, view_of
from gateway_sync.runtime.core.steps import ANSWERED, FAILED, PASSED, REFUSED, run_request
from gateway_sync.runtime.delays import Delay
from gateway_sync.runtime.inflight import FULL
from gateway_sync.runtime.logs import of_request
from gateway_sync.trace_wire import PolicyMet

if TYPE_CHECKING:
    from gateway_sync.runtime.core.budgets import Loan
    from gateway_sync.runtime.core.rules import Rules
    from gateway_sync.runtime.exchange import Exchange

logger = logging.getLogger(__name__)


class Stepping(AnswerStepping):
    """The policies of one exchange at work."""

    __slots__ = ("_acquired", "_body", "_delay", "_outcome", "is_collecting")

    def __init__(self, exchange: Exchange, rules: Rules) -> None:
        """Nothing was run yet; `begin` does."""
        super().__init__(exchange, rules)
        self._outcome = FAILED  # what the step at _met did
        self._acquired: list[int] = []
        self._body = bytearray()  # no list: of tiny pieces one takes many times what they hold
        self._delay: Delay | None = None
        self.is_collecting = False

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
            self._give_up(full(), content, is_complete=is_complete)
        elif is_complete:
            self.is_collecting = False
            body, self._body = bytes(self._body + content) if self._body else content, bytearray()
            self._run(body)
        else:
            self._body += content

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
            logger.exception(
                "a policy failed at request %s", exchange.request_id.decode(), extra=of_request(exchange.request_id)
            )
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
