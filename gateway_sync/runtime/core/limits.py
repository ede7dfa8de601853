"""Limits of one subject: a rate with burst and calendar quotas, decided together on one cell of integers.

A quota is hard, and refuses what is above it, or soft, and lets it pass with a line that says so. It counts calls, or
another unit in a cell of its own: units, of which an operation costs several, or bytes of bodies, of which only what
the request announces is known when the call is admitted; `settle_more` counts the rest once the answer has ended.

Owns: the decision and its RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10). Must not know: where cells live.
A request passes all limits of all its cells or is counted in none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from gateway_sync.policies.rate_limit import advance, interval_ns, remaining, retry_after_s
from gateway_sync.runtime.core.windows import BILLING_PERIOD, PERIODS, billing_window, window_of

NS: Final = 10**9

# Positions in a cell; each period has (start of its window, used in it), the billing period last.
TAT: Final = 0
EXPIRES: Final = 1
FIRST_WINDOW: Final = 2
_WINDOWS: Final = (*PERIODS, BILLING_PERIOD)
CELL_LENGTH: Final = FIRST_WINDOW + 2 * len(_WINDOWS)
OVERAGE_LINE: Final = b"apim-overage: true\r\n"
MOST_COUNTED: Final = 2**53  # for one call: how long a body is to be is the caller's word, and a cell's numbers end
CALLS, UNITS, BYTES = "calls", "units", "bytes"
# By unit: what follows the period in the names of RateLimit fields, and the parameter that says what is counted.
_SUFFIXES: Final = {CALLS: "", UNITS: "-units", BYTES: "-bytes"}
_TOLD: Final = {CALLS: b"", UNITS: b';qu="apim-units"', BYTES: b';qu="content-bytes"'}
# By unit: the most that a gateway leases at once, so that little is lost with a host that never comes back.
_LEASED_AT_MOST: Final = {CALLS: 1_000, UNITS: 10_000, BYTES: 2**28}


class Cell(Protocol):
    """The numbers of a subject: a list, or a view of the map that holds them."""

    def __getitem__(self, at: int, /) -> int:
        """The number there."""

    def __setitem__(self, at: int, number: int, /) -> None:
        """Put a number there."""


# (code, seconds to wait, ready RateLimit lines each ended by CRLF); code "" = admitted. A plain tuple: it is made for
# each request, and a class costs ten times as much.
Charged = tuple[str, int, bytes]


class Opened:
    """The windows open at a time.

    Shapes: windows are (position in a cell, limit, end, is_hard), each position once; soft quotas are (position,
    limit); counted is (position, start).
    """

    __slots__ = ("counted", "soft", "windows")

    def __init__(
        self,
        windows: tuple[tuple[int, int, int, bool], ...] = (),
        soft: tuple[tuple[int, int], ...] = (),
        counted: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """Not changed afterwards."""
        self.windows = windows
        self.soft = soft
        self.counted = counted


class Terms:
    """What one cell is measured against."""

    __slots__ = (
        "_billing", "_counted", "_is_slow", "_last_end", "_lines", "_open_until", "_opened", "_opened_at", "_quotas",
        "_rate_name", "_rate_policy", "_soft", "_soft_quotas", "_span_ns", "_span_s", "_windows", "_zone", "burst",
        "cell_prefix", "code", "cost", "is_lent", "is_settled", "leased_at_most", "left_template", "policy_field",
        "step_ns", "suffix", "unit",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        rate: tuple[int, int, int] | None,
        quotas: Sequence[tuple[int, str]] = (),
        zone: str = "UTC",
        *,
        soft_quotas: Sequence[tuple[int, str]] = (),
        billing: tuple[str, int] = ("month", 0),
        is_lent: bool = False,
        unit: str = CALLS,
        cost: int = 1,
    ) -> None:
        """rate = (requests, per_s, burst); quotas = (requests, per); name is the rate's in RateLimit fields.

        Shapes: soft quotas refuse nobody; billing = (interval, anchor in seconds) of quotas per period; is_lent = a
        gateway keeps a part for times when it cannot ask the others, and lets a little pass then beyond it; cost = what
        a call counts for, of bytes nothing until its size is known. cell_prefix tells the cells of one subject apart,
        suffix the names of RateLimit fields; is_settled = what a call counts for is known for sure when it has ended.
        """
        self.code = "quota-exceeded"
        self.is_lent = is_lent
        self.unit = unit
        self.is_settled = unit == BYTES
        self.suffix = _SUFFIXES[unit]
        self.cell_prefix = "" if unit == CALLS else f"{unit}:"
        self.cost = 0 if unit == BYTES else cost
        self.leased_at_most = _LEASED_AT_MOST[unit]
        self._is_slow = bool(soft_quotas) or self.cost != 1
        self.step_ns, self.burst = (interval_ns(rate[0], rate[1]), rate[2]) if rate else (0, 0)
        self._span_ns = self.step_ns * self.burst
        self._span_s = self._span_ns // NS + 1  # the bucket is full again after it, whatever was taken
        self._rate_name = b'"%s"' % name.encode()
        self._rate_policy = b"%s;q=%d;w=%d" % (self._rate_name, rate[0], rate[1]) if rate else b""
        self._quotas = tuple((requests, per, FIRST_WINDOW + 2 * _WINDOWS.index(per)) for requests, per in quotas)
        self._soft_quotas = tuple(
            (requests, per, FIRST_WINDOW + 2 * _WINDOWS.index(per)) for requests, per in soft_quotas
        )
        self._billing = billing
        self._zone = ZoneInfo(zone)
        self._opened_at = self._open_until = self._last_end = 0
        self._windows: tuple[tuple[int, int, int, int], ...] = ()
        self._soft: tuple[tuple[int, int], ...] = ()
        self._counted: tuple[tuple[int, int], ...] = ()
        self._opened = Opened()
        self.policy_field = self.left_template = self._lines = b""

    def open_windows(self, now_s: int) -> None:
        """Find the windows open now, and what is told about them; both hold until the first one ends."""
        opened = [(limit, per, at, *self._window_of(per, now_s)) for limit, per, at in self._quotas]
        soft = [(limit, per, at, *self._window_of(per, now_s)) for limit, per, at in self._soft_quotas]
        self._windows = tuple((at, limit, start, end) for limit, _, at, start, end in opened)
        self._soft = tuple((at, limit) for limit, _, at, *_ in soft)
        self._counted = tuple(sorted({(at, start) for _, _, at, start, _ in (*opened, *soft)}))
        self._open_until = min((end for *_, end in (*opened, *soft)), default=now_s + 3600)
        self._opened_at = max((start for _, _, _, start, _ in (*opened, *soft)), default=now_s)
        self._last_end = max((end for *_, end in (*opened, *soft)), default=0)
        windows = {at: (at, limit, end, False) for limit, _, at, _, end in soft}
        windows |= {at: (at, limit, end, True) for limit, _, at, _, end in opened}
        self._opened = Opened(tuple(windows[at] for at in sorted(windows)), self._soft, self._counted)
        told_unit = _TOLD[self.unit]
        names = [b'"%s%s"' % (per.encode(), self.suffix.encode()) for _, per, *_ in opened]
        policies = [
            b"%s;q=%d%s;w=%d" % (name, limit, told_unit, end - start)
            for name, (limit, _, _, start, end) in zip(names, opened, strict=True)
        ]
        if self.burst:
            policies.insert(0, self._rate_policy)
            names.insert(0, self._rate_name)
        self.policy_field = b", ".join(policies)
        self.left_template = b", ".join(name + b";r=%d;t=%d" for name in names)
        self._lines = b"RateLimit-Policy: %s\r\nRateLimit: %s\r\n" % (self.policy_field, self.left_template)

    def _window_of(self, per: str, now_s: int) -> tuple[int, int]:
        if per == BILLING_PERIOD:
            return billing_window(*self._billing, now_s)
        return window_of(per, self._zone, now_s)

    def open_at(self, now_s: int) -> Opened:
        """The windows that are open at an instant."""
        if not self._opened_at <= now_s < self._open_until:
            self.open_windows(now_s)
        return self._opened

    def expires_at(self, now_s: int) -> int:
        """When a cell that is charged now has run out."""
        return max(now_s + self._span_s, self._last_end)

    def amount_of(self, size: int) -> int:
        """What a call counts for when it is admitted, whose request announces so many bytes."""
        return size if self.unit == BYTES else self.cost

    def owed(self, status: int, request_bytes: int, response_bytes: int) -> int:  # noqa: ARG002 - of caps
        """What a call counts for that has ended so, or is so far; what amount_of told of it was debited already."""
        return request_bytes + response_bytes if self.unit == BYTES else self.cost

    def charge(self, cell: Cell, now_ns: int, size: int = 0) -> tuple[str, int]:
        """("", 0) after counting one request in the cell, or (code, seconds to wait) with nothing counted.

        Errors: total. A clock that went back keeps the later window open, so that no quota is granted twice.
        """
        amount = self.amount_of(size)
        now_s = now_ns // NS
        if not self._opened_at <= now_s < self._open_until:
            self.open_windows(now_s)
        for position, start in self._counted:
            if cell[position] < start:
                cell[position] = start
                cell[position + 1] = 0
        for position, limit, _, end in self._windows:
            if cell[position + 1] + (amount or 1) > limit:
                return self.code, max(1, end - now_s)
        expires = now_s
        if self.burst:
            fits, tat = advance(cell[TAT], now_ns, self.step_ns, self.burst)
            if not fits:
                return "rate-limited", retry_after_s(cell[TAT], now_ns, self.step_ns, self.burst)
            cell[TAT] = tat
            expires += self._span_s
        for position, _ in self._counted:
            cell[position + 1] += amount
        cell[EXPIRES] = expires if expires > self._last_end else self._last_end  # noqa: FURB136 - hot
        return "", 0

    def settle_more(self, cell: Cell, started_ns: int, more: int) -> tuple[int, ...]:
        """The positions where so much more was counted for a call, less when negative.

        Only windows count that the call began in and that are open yet: what came after their end is nobody's.
        """
        counted = self.open_at(started_ns // NS).counted
        found = tuple(position for position, start in counted if cell[position] == start)
        for position in found:
            cell[position + 1] = max(0, cell[position + 1] + more)
        return found

    def is_overage(self, cell: Cell) -> bool:
        """True when the request counted last in the cell was above a soft quota."""
        return any(cell[position + 1] > limit for position, limit in self._soft)

    def left(self, cell: Cell, now_ns: int) -> tuple[int, ...]:
        """What left_template tells: for the rate and each window what is left and the seconds until it is whole."""
        now_s = now_ns // NS
        if not self._opened_at <= now_s < self._open_until:
            self.open_windows(now_s)
        numbers: list[int] = []
        if self.burst:
            tat = cell[TAT]
            reset_s = -((now_ns - tat) // NS) if tat > now_ns else 0
            numbers += (remaining(tat, now_ns, self.step_ns, self.burst), reset_s)
        for position, limit, start, end in self._windows:
            unused = limit - cell[position + 1] if cell[position] >= start else limit
            numbers += (unused if unused > 0 else 0, end - now_s)  # noqa: FURB136 - hot
        return tuple(numbers)

    def settle(self, cell: Cell, now_ns: int) -> Charged:
        """Charge a cell that is a subject's only one, in place, and tell the caller.

        One pass for what `charge` and `left` do one after the other, because nearly every request comes here; whatever
        is not an ordinary admission is left to them. A property test holds the two ways together.
        """
        if self._is_slow:
            return self._settle_slowly(cell, now_ns)
        now_s = now_ns // NS
        if not self._opened_at <= now_s < self._open_until:
            self.open_windows(now_s)
        numbers: list[int] = []
        expires = now_s
        arrival = cell[TAT]
        _span_ns = self._span_ns
        if _span_ns:
            arrival = (arrival if arrival > now_ns else now_ns) + self.step_ns  # noqa: FURB136 - hot
            free_ns = now_ns + _span_ns - arrival
            if free_ns < 0:
                return self._settle_slowly(cell, now_ns)
            expires += self._span_s
            numbers += (free_ns // self.step_ns, -((now_ns - arrival) // NS))
        for position, limit, start, end in self._windows:
            used = cell[position + 1] + 1
            if cell[position] < start or used > limit:
                return self._settle_slowly(cell, now_ns)
            numbers += (limit - used, end - now_s)
        for position, _, _, _ in self._windows:
            cell[position + 1] += 1
        cell[TAT] = arrival
        cell[EXPIRES] = expires if expires > self._last_end else self._last_end  # noqa: FURB136 - hot
        return "", 0, self._lines % tuple(numbers)

    def _settle_slowly(self, cell: Cell, now_ns: int) -> Charged:
        code, wait_s = self.charge(cell, now_ns)
        left = self.left(cell, now_ns)
        lines = self._lines % left if left else b""
        return code, wait_s, lines + OVERAGE_LINE if not code and self.is_overage(cell) else lines


def charge_all(terms: Sequence[Terms], cells: Sequence[list[int]], now_ns: int, size: int = 0) -> Charged:
    """Count one request in every cell, or in none; cells are changed in place only when it is admitted."""
    if len(terms) == 1 and not size:
        return terms[0].settle(cells[0], now_ns)
    trial = [list(cell) for cell in cells]
    for term, cell in zip(terms, trial, strict=True):
        code, wait_s = term.charge(cell, now_ns, size)
        if code:
            return code, wait_s, _fields(terms, cells, now_ns)
    for cell, counted in zip(cells, trial, strict=True):
        cell[:] = counted
    lines = _fields(terms, cells, now_ns)
    is_overage = any(term.is_overage(cell) for term, cell in zip(terms, cells, strict=True))
    return "", 0, lines + OVERAGE_LINE if is_overage else lines


def _fields(terms: Sequence[Terms], cells: Sequence[Cell], now_ns: int) -> bytes:
    left = [(term, term.left(cell, now_ns)) for term, cell in zip(terms, cells, strict=True)]
    told = b", ".join(term.left_template % numbers for term, numbers in left if numbers)
    policy = b", ".join(filter(None, (term.policy_field for term in terms)))
    return b"RateLimit-Policy: %s\r\nRateLimit: %s\r\n" % (policy, told) if told else b""
