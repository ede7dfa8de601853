"""PooledCall: the way of one request to one of several targets, and its outcome for the pool.

Stands between the upstream's connection and the exchange: it hears the answer first, so that it can try again as long
as nothing of it was passed on. Decides nothing by itself: the pool and core.retrying do.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from gateway_sync.messages import NO_BODY, Refusal, ResponseHead
from gateway_sync.runtime.attempts import send_head
from gateway_sync.runtime.core.admission import SEPARATOR
from gateway_sync.runtime.core.pools import UpstreamPool
from gateway_sync.runtime.core.retrying import (
    RESET,
    STATUS,
    TIMEOUT,
    UNREACHED,
    is_failed_status,
    may_retry,
    pause_ms,
)
from gateway_sync.runtime.pooled_try import PooledTry
from gateway_sync.runtime.stats import RETRIES, UPSTREAM_OPENED

if TYPE_CHECKING:
    from gateway_sync.runtime.core.balancing import Member
    from gateway_sync.runtime.core.response_head import AnswerLines
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.upstream import Receiver, UpstreamConnection

UNREACHED_MS = 2000  # after connecting failed, other targets come first for so long
_CALM = (b"Retry-After: 1",)


class PooledCall(PooledTry):
    """One exchange's calls to the targets of a pool, one after another. It is the Receiver of their answers."""

    __slots__ = ("_is_passed_on", "_tried", "answer_lines", "is_head", "resent")

    answer_lines: AnswerLines

    def __init__(self, exchange: Exchange, pool: UpstreamPool) -> None:
        """Nothing is chosen yet; `start` does."""
        super().__init__(exchange, pool)
        self.is_head = exchange.is_head
        self.answer_lines = exchange.answer_lines
        self._tried: tuple[Member, ...] = ()
        self.resent = 0  # times that it was sent again
        self._is_passed_on = False

    @property
    def receiver(self) -> Receiver:
        """Who is told the answer."""
        return self

    @property
    def is_upload_complete(self) -> bool:
        """True when the client sent the whole body."""
        return self._exchange.is_upload_complete

    def start(self) -> None:
        """Choose the arm, then a target; or refuse the call while the breaker is open."""
        exchange, pool, now_ms = self._exchange, self._pool, self._exchange.serving.now_ms
        arm = pool.arm_of(exchange.head, self._caller() if len(pool.arms) > 1 else b"", random.getrandbits(30))
        if arm.circuit is not None:
            is_admitted, event = arm.circuit.admit(now_ms)
            if event:
                exchange.serving.upstreams.announce(pool, arm.name, "", f"breaker {event}")
            if not is_admitted:
                wait = b"Retry-After: %d" % arm.circuit.retry_after_s(now_ms)
                exchange.refuse(Refusal("no-healthy-target", "The service fails; calls are held back.", (wait,)))
                return
        self._arm = arm
        self._begin_mirror()
        if pool.budget is not None:
            pool.budget.note_call()
        self._choose()

    def _caller(self) -> bytes:
        """Who keeps its arm: the application, else the address."""
        grant = self._exchange.admission.grant
        application = grant.context.split(SEPARATOR.encode())[3:4] if grant is not None else []
        return application[0] if application and application[0] else self._exchange.client.address.encode()

    def _choose(self) -> None:
        exchange, arm = self._exchange, self._arm
        if arm is None:
            return
        serving = exchange.serving
        address, draw = exchange.client.address, random.getrandbits(30)
        member = self._pool.choose(arm, exchange.head, address, serving.now_ms, draw, self._tried)
        if member is None:
            self._release()
            exchange.refuse(Refusal("no-healthy-target", fields=_CALM))
        elif member.active < self._pool.room:
            self._take(member)
        elif len(member.waiting) < self._pool.pending:
            self._wait_for(member, self._number)
        else:
            self._release()
            exchange.refuse(Refusal("overloaded", "Too many calls to the service are under way.", _CALM))

    def _wait_for(self, member: Member, number: int) -> None:
        """Stand in the line of a target until a place is free."""

        def take() -> bool:
            try:
                return self._take_freed(member, number)
            except Exception as error:  # noqa: BLE001 - a bug must not cost the call that gave the place back
                self.on_bug(error)
                return False

        self._place_in_line = (member, take)
        member.waiting.append(take)

    def _take_freed(self, member: Member, number: int) -> bool:
        """Take a place that became free; False when it is needed no more."""
        if self._exchange.is_over or number != self._number:
            return False
        self._place_in_line = None
        self._take(member)
        return True

    def _take(self, member: Member) -> None:
        """Occupy a place at the target and send the request there."""
        exchange = self._exchange
        self._member = member
        self.is_trying = True
        member.active += 1
        exchange.target = member.target
        exchange.sent_ns = 0
        retries = self._pool.settings.retries
        if retries is not None and retries.per_try_ms:
            loop, number = asyncio.get_running_loop(), self._number
            self._timer = loop.call_later(retries.per_try_ms / 1000, self._on_try_over, number)
        connection = exchange.serving.pool_of(member.target).take()
        if connection is not None:
            send_head(exchange, connection)
        else:
            self.dial()

    def dial(self) -> None:
        """Connect to the chosen target."""
        serving, number = self._exchange.serving, self._number
        pool = serving.pool_of(self._exchange.target)
        if pool.is_full():
            self._release()
            self._exchange.refuse(Refusal("overloaded", "Too many connections to the service.", _CALM))
            return
        serving.stats[UPSTREAM_OPENED] += 1
        self.dialed_ns = time.time_ns()
        pool.dial(serving.rules, lambda connection: self._on_connected(connection, number))

    def _on_connected(self, connection: UpstreamConnection | None, number: int) -> None:
        if self._exchange.is_over or number != self._number:
            if connection is not None:
                connection.pool.put_back(connection)
        elif connection is None:
            self._fail(UNREACHED, "upstream-unreachable")
        else:
            connection.is_used = False
            send_head(self._exchange, connection)

    # The answer, told by the upstream connection.

    def on_interim(self, status: int) -> None:
        """An informational answer."""
        self._exchange.on_interim(status)

    def on_upload_paused(self, *, is_paused: bool) -> None:
        """The upstream reads slower than the client sends, or caught up."""
        self._exchange.on_upload_paused(is_paused=is_paused)

    def on_answer(self, head: ResponseHead, body: bytes, *, is_complete: bool) -> None:
        """Pass the answer on, unless its status asks for another try."""
        exchange, retries = self._exchange, self._pool.settings.retries
        if retries is not None and head.status in retries.statuses and self._may_retry(STATUS):
            self._drop_connection()
            self._retry(f"status {head.status}")
            return
        self._note(is_failure=is_failed_status(head.status))
        if self._pool.tokens:
            self._set_cookie()
        self._is_passed_on = True
        if is_complete:
            self._release()
        exchange.on_answer(head, body, is_complete=is_complete)

    def on_switch(self, upstream: UpstreamConnection, head: ResponseHead, block: bytes, rest: bytes, /) -> None:
        """Leave the connection to a tunnel, which counts no more as a call. Errors: FramingError."""
        self._exchange.on_switch(upstream, head, block, rest)
        self._note(is_failure=False)
        self._release()

    def on_content(self, body: bytes, *, is_complete: bool) -> None:
        """Pass more of the body on."""
        if is_complete:
            self._release()
        self._exchange.on_content(body, is_complete=is_complete)

    def on_failure(self, code: str, *, is_stale: bool) -> None:
        """Try again where that is safe."""
        self._exchange.upstream = None
        if self._member is None:
            self._exchange.on_failure(code, is_stale=False)
        elif is_stale and self.may_repeat():
            self.repeat()
        else:
            self._fail(RESET, code)

    def on_bug(self, error: Exception) -> None:
        """The exchange ends; a fault of ours says nothing about the target."""
        self._exchange.on_bug(error)

    def _on_try_over(self, number: int) -> None:
        if number == self._number and not self._exchange.is_over:
            self._timer = None
            self._drop_connection()
            self._fail(TIMEOUT, "upstream-timeout")

    def _drop_connection(self) -> None:
        upstream, self._exchange.upstream = self._exchange.upstream, None
        if upstream is not None and upstream.receiver is self:
            upstream.close()

    # Outcomes.

    def _fail(self, why: str, code: str) -> None:
        """One try failed before anything of an answer was passed on, or in the midst of it."""
        exchange, member, serving = self._exchange, self._member, self._exchange.serving
        if member is None or self._is_passed_on:
            self._release()
            exchange.on_failure(code, is_stale=False)
            return
        if why == UNREACHED:
            member.unreached_until_ms = serving.now_ms + UNREACHED_MS
            if self._has_other(member):
                self._note(is_failure=True)
                self._begin_anew(why)
                serving.stats[RETRIES] += 1
                self._choose()
                return
        if self._may_retry(why):
            self._retry(why)
        else:
            self._note(is_failure=True)
            self._release()
            exchange.on_failure(code, is_stale=False)

    def _has_other(self, member: Member) -> bool:
        """True when there is a target that was not tried. Nothing was sent, so it needs no leave to try it."""
        now_ms = self._exchange.serving.now_ms
        tried = (*self._tried, member)
        return self._arm is not None and any(
            other not in tried and other.health.is_usable(now_ms) for other in self._arm.members
        )

    def _may_retry(self, why: str) -> bool:
        """True when one more try is right and within the budget, of which it is taken then."""
        exchange, retries, budget = self._exchange, self._pool.settings.retries, self._pool.budget
        if retries is None or budget is None:
            return False
        is_kept = exchange.head.body == NO_BODY or self._kept is not None
        is_right = may_retry(retries, exchange.head.method, why, self.resent, is_body_kept=is_kept)
        return is_right and budget.take(exchange.serving.now_ms)

    def _retry(self, why: str) -> None:
        """Send the request again after a pause."""
        exchange, retries = self._exchange, self._pool.settings.retries
        if retries is None:
            return
        self._note(is_failure=True)
        self._begin_anew(why)
        if self._arm is not None and all(member in self._tried for member in self._arm.members):
            self._tried = ()
        exchange.serving.stats[RETRIES] += 1
        wait_ms = pause_ms(retries, self.resent, random.getrandbits(30))
        self.resent += 1
        self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000, self._choose_again, self._number)

    def _choose_again(self, number: int) -> None:
        if number == self._number and not self._exchange.is_over:
            self._timer = None
            self._choose()

    def _begin_anew(self, why: str) -> None:
        """End this try; the next one goes elsewhere if it can."""
        self._tell_retry(why)
        member = self._member
        if member is not None:
            member.retries += 1
            self._tried = (*self._tried, member)
        self._leave()
        self._number += 1
