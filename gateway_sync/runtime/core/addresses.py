"""AddressLimit: how often one client address may fail to show who it is, before its key is even looked at.

Wide and built in: it stops guessing and floods, while a known caller meets only the limits of its plan. A request is
checked before authentication and counted when it turns out to be nobody's. Memory is bounded whatever addresses come.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from gateway_sync.messages import Refusal
from gateway_sync.policies.rate_limit import advance, interval_ns, remaining, retry_after_s

MAX_ADDRESSES: Final = 65_536
_NS: Final = 10**9


class AddressLimit:
    """GCRA cells of one worker, by address; of IPv6 by /64, for that is what one customer gets."""

    def __init__(self, rate_per_s: int, burst: int) -> None:
        """A rate of 0 switches the limit off."""
        self._rate_per_s = rate_per_s
        self._burst = max(1, burst)
        self._step_ns = interval_ns(rate_per_s, 1) if rate_per_s else 0
        self._arrivals: dict[str, int] = {}

    def refusal(self, address: str, now_ns: int) -> Refusal | None:
        """A 429 when the address has failed too often; nothing is counted."""
        if not self._arrivals:
            return None
        arrival = self._arrivals.get(_subject(address) if ":" in address else address)
        if arrival is None or advance(arrival, now_ns, self._step_ns, self._burst)[0]:
            return None
        wait_s = retry_after_s(arrival, now_ns, self._step_ns, self._burst)
        fields = (b"Retry-After: %d" % wait_s, *self.fields(address, now_ns))
        return Refusal("rate-limited", "Too many requests without a valid key from this address.", fields)

    def count(self, address: str, now_ns: int) -> None:
        """One more request of nobody."""
        if not self._step_ns:
            return
        subject = _subject(address) if ":" in address else address
        if subject not in self._arrivals and len(self._arrivals) >= MAX_ADDRESSES:
            self._forget(now_ns)
        fits, arrival = advance(self._arrivals.get(subject, 0), now_ns, self._step_ns, self._burst)
        if fits:
            self._arrivals[subject] = arrival

    def fields(self, address: str, now_ns: int) -> tuple[bytes, ...]:
        """The RateLimit lines of an answer to nobody."""
        if not self._step_ns:
            return ()
        arrival = self._arrivals.get(_subject(address) if ":" in address else address, 0)
        left = remaining(arrival, now_ns, self._step_ns, self._burst)
        reset_s = max(0, -((now_ns - arrival) // _NS))
        return (
            b'RateLimit-Policy: "address";q=%d;w=1' % self._rate_per_s,
            b'RateLimit: "address";r=%d;t=%d' % (left, reset_s),
        )

    def _forget(self, now_ns: int) -> None:
        """Make room: first those with a full bucket, else the older half, which errs on the side of the caller."""
        kept = {subject: arrival for subject, arrival in self._arrivals.items() if arrival > now_ns}
        if len(kept) >= MAX_ADDRESSES:
            kept = dict(list(kept.items())[MAX_ADDRESSES // 2 :])
        self._arrivals = kept


class AddressCounts:
    """How many connections each address has open; of IPv6 each /64. As large as the connections it counts."""

    def __init__(self) -> None:
        """None."""
        self._counts: dict[str, int] = {}

    def add(self, address: str) -> tuple[str, int]:
        """The name to release it by, and how many there are with it."""
        subject = _subject(address) if ":" in address else address
        count = self._counts[subject] = self._counts.get(subject, 0) + 1
        return subject, count

    def release(self, subject: str) -> None:
        """One is gone."""
        left = self._counts[subject] - 1
        if left:
            self._counts[subject] = left
        else:
            del self._counts[subject]


def _subject(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return address
