"""PooledTry: one try of a call at a target of a pool: its place there, its body as it is kept and copied, its outcome.

Owns: what must be given back however a try ends. Must not know: when another try is right.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway_sync.messages import NO_BODY
from gateway_sync.runtime.attempts import Attempts
from gateway_sync.runtime.core.pools import cookie_of
from gateway_sync.runtime.lending import loan_of
from gateway_sync.runtime.mirroring import MirrorCall

if TYPE_CHECKING:
    from gateway_sync.runtime.core.balancing import Member
    from gateway_sync.runtime.core.budgets import Loan
    from gateway_sync.runtime.core.pools import Arm, UpstreamPool
    from gateway_sync.runtime.exchange import Exchange


class PooledTry(Attempts):
    """The state that the tries of one call share."""

    __slots__ = (
        "_arm", "_is_judged", "_kept", "_loan", "_member", "_mirror", "_number", "_place_in_line", "_pool",
        "_timer",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, pool: UpstreamPool) -> None:
        """Nothing is chosen yet."""
        super().__init__(exchange)
        self.is_trying = False
        self._pool = pool
        self._arm: Arm | None = None
        self._member: Member | None = None  # whose place is taken
        self._place_in_line: tuple[Member, Callable[[], bool]] | None = None
        self._mirror: MirrorCall | None = None
        self._is_judged = False
        self._number = 0  # of the try; what belongs to an earlier one is not heard any more
        self._timer: asyncio.TimerHandle | None = None
        is_kept = pool.settings.retries is not None and exchange.head.body != NO_BODY
        self._kept: bytearray | None = bytearray() if is_kept else None
        self._loan: Loan | None = loan_of(exchange) if is_kept else None

    def _begin_mirror(self) -> None:
        """Copy the call where it is to be copied."""
        settings = self._pool.settings.mirror
        if settings is None:
            return
        target = self._pool.mirror_for(random.getrandbits(30))
        if target is not None:
            self._mirror = MirrorCall(self._exchange, self._pool, settings, target)

    @property
    def arm_name(self) -> str:
        """The arm that was chosen."""
        return self._arm.name if self._arm is not None else ""

    def keep(self, content: bytes, *, is_sent: bool) -> None:
        """Take a part of the body; it is kept for another try as long as there is not too much of it, nor of others."""
        if self._mirror is not None:
            self._mirror.keep(content, is_complete=self._exchange.is_upload_complete)
        retries = self._pool.settings.retries
        kept, loan = self._kept, self._loan
        if kept is not None and loan is not None and retries is not None:
            kept += content
            if len(kept) <= retries.max_body_bytes and loan.grow(len(content)):
                return
            self._forget_body()
            if not is_sent:
                self._pending = [bytes(kept)]
        elif not is_sent:
            self._pending.append(content)

    def _forget_body(self) -> None:
        """No further try can send it."""
        self._kept = None
        if self._loan is not None:
            self._loan.end()

    def take_pending(self) -> bytes:
        """The part of the body that a new connection must be given."""
        return bytes(self._kept) if self._kept is not None else super().take_pending()

    def _note(self, *, is_failure: bool) -> None:
        """Tell the pool how a try ended; events are announced."""
        member, arm, serving = self._member, self._arm, self._exchange.serving
        if member is None or arm is None:
            return
        now_ms = serving.now_ms
        self._is_judged = True
        member.count(self._waited_us(), is_failure=is_failure)
        if member.health.note(now_ms, is_failure=is_failure) and self._pool.may_eject(now_ms):
            length_s = member.health.eject(now_ms) / 1000
            member.ejections += 1
            serving.upstreams.announce(self._pool, arm.name, member.key, f"ejected for {length_s:g} s")
        if arm.circuit is not None and (event := arm.circuit.note(now_ms, is_failure=is_failure)):
            serving.upstreams.announce(self._pool, arm.name, "", f"breaker {event}")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited_us(self) -> int:
        """Since the request was sent; 0 when it was not."""
        sent_ns = self._exchange.sent_ns
        return max(0, time.time_ns() - sent_ns) // 1000 if sent_ns else 0  # the clock may be set back meanwhile

    def note_timeout(self) -> None:
        """The time to answer is over: the target failed."""
        self._note(is_failure=True)

    def _tell_retry(self, why: str) -> None:
        """The try is over, and another one follows."""
        self._exchange.serving.tracing.note_retry(self._exchange, why)
        self.is_trying = False
        self.dialed_ns = 0

    def give_up(self) -> None:
        """The exchange ends without the rest of an answer; what was not noted by now says nothing about the target."""
        self._number += 1
        self._release()
        if self._mirror is not None and not self._exchange.is_upload_complete:
            self._mirror.end()  # the rest of its body will not come

    def _release(self) -> None:
        """Give everything back: the timer, the place at the target or in its line, a trial of the breaker."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._forget_body()
        if self._place_in_line is not None:
            member, take = self._place_in_line
            self._place_in_line = None
            if take in member.waiting:
                member.waiting.remove(take)
        self._leave()
        if not self._is_judged and self._arm is not None and self._arm.circuit is not None:
            self._is_judged = True
            self._arm.circuit.give_back()

    def _leave(self) -> None:
        """Give the place at the target back, to the next call that waits for it."""
        member, self._member = self._member, None
        if member is None:
            return
        member.active -= 1
        while member.waiting and member.active < self._pool.room:
            if member.waiting.popleft()():
                break

    def _set_cookie(self) -> None:
        """Let the caller come back to this target."""
        balancing, member = self._pool.settings.balancing, self._member
        if balancing is None or member is None:
            return
        name = balancing.name.encode()
        if cookie_of(self._exchange.head, name) != member.token:
            pair = b"Set-Cookie: %s=%s; " % (name, member.token)
            secure = b"; Secure" if self._exchange.client.peer is not None else b""
            path = self._exchange.version.prefix
            self._exchange.add_line(pair + b"Path=%s; HttpOnly; SameSite=Lax%s\r\n" % (path, secure))
