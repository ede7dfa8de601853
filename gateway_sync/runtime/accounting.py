"""AccountedExchange: what one exchange is charged, and what is noted and told of it when it has ended.

Must not know: where the request goes, how its answer comes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from gateway_sync.messages import Refusal, RequestHead
from gateway_sync.runtime.core.grants import Charge, Grant, late_charges, limit_refusal
from gateway_sync.runtime.core.limits import MOST_COUNTED
from gateway_sync.runtime.explaining import Ended
from gateway_sync.runtime.spool_format import CODE_NUMBERS
from gateway_sync.runtime.stats import UNMETERED, count_exchange
from gateway_sync.usage_wire import UNMETERED_CODE

if TYPE_CHECKING:
    from gateway_sync.runtime.client import ClientConnection
    from gateway_sync.runtime.core.admission import Admission
    from gateway_sync.runtime.core.limits import Charged
    from gateway_sync.runtime.limit_cells import Known
    from gateway_sync.runtime.recording import Recording
    from gateway_sync.runtime.serving import Serving
    from gateway_sync.runtime.stepping import Stepping

_ERROR: Final = 400
_NOTHING: Final = (0, 0, 0)
UNMETERED_LINE: Final = b"apim-usage: unmetered\r\n"


class AccountedExchange:
    """The part of an exchange that counts. Who is one sets all of these: another call at the start would be felt."""

    __slots__ = (
        "_charged_lines", "_debited", "_is_admitted", "_is_answered", "_is_unmetered", "_number", "_request_bytes",
        "_response_bytes", "_started_ns", "_status", "_upstream_us", "admission", "client", "head", "recording",
        "serving", "stepping",
    )  # fmt: skip

    client: ClientConnection
    serving: Serving
    head: RequestHead
    admission: Admission
    recording: Recording | None
    stepping: Stepping | None
    _charged_lines: bytes
    _debited: Known  # what was counted by; not set for who was not charged
    _is_admitted: bool
    _is_answered: bool
    _is_unmetered: bool  # set for a call alone that was let pass though it could not be noted
    _number: int
    _request_bytes: int
    _response_bytes: int
    _started_ns: int
    _status: int
    _upstream_us: int

    def _charge(self, grant: Grant, now_ns: int) -> Refusal | None:
        charges: list[Charge] = grant.charges
        if grant.late:
            charges = [*charges, *late_charges(grant.late, self.head, self.client.address)]
        size = min(max(0, self.head.content_length), MOST_COUNTED) if grant.is_settled else 0
        charged: Charged | None = self.serving.limits.charge(charges, now_ns, size)
        if charged is None:
            return Refusal("overloaded", "No room to count this caller's limits.", (b"Retry-After: 5",))
        code, wait_s, lines = charged
        self._charged_lines += lines
        if code:
            return limit_refusal(code, wait_s, self.serving.gate.index.environment.portal_url, grant)
        self._debited = (0, size, 0) if size else _NOTHING
        return None

    def _settle(self, grant: Grant, status: int) -> None:
        """Count what was not known of the call when it was charged."""
        known = status, self._request_bytes, self._response_bytes
        debited = getattr(self, "_debited", known)
        if known != debited:
            self.serving.limits.settle(grant.charges, self._started_ns, debited, known)
            self._debited = known

    def _note(self, grant: Grant, now_ns: int) -> bool:
        """Note the exchange in the spool before anything of it leaves this process; a nobody's is only counted.

        False when there is no room, or when its plan is strict and what is noted does not reach the disk.
        """
        if not grant.context:
            return True
        if self.serving.spool.unsynced[0] and not self._is_served_unrecorded(grant):
            return False
        return self._admit(grant, now_ns)

    def _admit(self, grant: Grant, now_ns: int) -> bool:
        self._is_admitted = self.serving.spool.admit(
            self._number, now_ns // 1000, self.head.request_id, self.admission.path, grant.context
        )
        return self._is_admitted

    def _is_served_unrecorded(self, grant: Grant) -> bool:
        plan = self.serving.gate.index.plans.get(grant.caller.plan)
        return plan is not None and plan.is_served_unrecorded

    def _passes_unmetered(self, grant: Grant) -> bool:
        """True when the caller's plan has calls served that cannot be noted; their answers say so."""
        if not self._is_served_unrecorded(grant):
            return False
        self._is_unmetered = True
        self._charged_lines += UNMETERED_LINE
        return True

    def _count_unnoted(self, status: int, code: str) -> None:
        """Count what stands in no record: nobody's, or what could not be noted, refused or served all the same."""
        serving, admission = self.serving, self.admission
        if getattr(self, "_is_unmetered", False):
            serving.stats[UNMETERED] += 1
            code = code if code or status >= _ERROR else UNMETERED_CODE
        serving.count_anonymous(admission.route.id if admission.route else "", admission.version, status, code)

    @property
    def started_ns(self) -> int:
        """When its head was read, in nanoseconds since the epoch."""
        return self._started_ns

    def add_line(self, line: bytes) -> None:
        """One more field line for the answer, with its end."""
        self._charged_lines += line

    def _finish(self, status: int, code: str) -> bool:
        """Count the exchange; False when its usage could not be noted."""
        serving = self.serving
        if self.stepping is not None:
            self.stepping.finish(self._request_bytes)
        duration_us = max(0, (time.time_ns() - self._started_ns) // 1000)
        count_exchange(serving.stats, status, duration_us, self._request_bytes, self._response_bytes)
        if code or status >= _ERROR or self.recording is not None:
            self._explain(status, code, duration_us)
        admission = self.admission
        grant = admission.grant
        if grant is not None and grant.is_settled:
            self._settle(grant, status)
        is_noted = self._is_admitted or (
            grant is not None and bool(grant.context) and self._admit(grant, self._started_ns)
        )
        if not is_noted:  # nobody's, or what nobody is billed for while the spool is full
            self._count_unnoted(status, code)
            return True
        return serving.spool.finish(
            self._number,
            status,
            CODE_NUMBERS[code],
            duration_us,
            self._upstream_us,
            self._request_bytes,
            self._response_bytes,
        )

    def _explain(self, status: int, code: str, duration_us: int) -> None:
        """Tell how it went, for it failed or was recorded."""
        sizes = self._request_bytes, self._response_bytes
        upstream_us = max(0, self._upstream_us)  # below 0 when the clock was set back meanwhile
        ended = Ended(status, code, self._started_ns, duration_us, upstream_us, *sizes, self._is_answered)
        self.serving.tracing.note(self, ended)  # type: ignore[arg-type]  # there are no others than exchanges
