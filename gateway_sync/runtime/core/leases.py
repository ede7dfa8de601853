"""Leases: what one host may spend of limits that several gateways share, decided on its cells without asking anybody.

Of each quota a host holds a part that was debited for it where all gateways meet, so what all admit together is never
above the limit, whoever dies. What of that part the mirror in the database knows is the host's until the window ends,
for nobody will ever be granted it beside the host; the rest is only as long as the others are in reach. Of each rate it
has a share.

Owns: the decision with leases in hand, and its RateLimit fields. Must not know: where leases come from, who keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway_sync.policies.rate_limit import advance, remaining, retry_after_s
from gateway_sync.runtime.core.lease_parts import (
    ASKED,
    CONFIRMED,
    DRY_NS,
    DRY_UNTIL,
    GRANTED,
    LENT,
    OTHERS,
    SHARE,
    SIZE,
    START,
    open_part,
    part_of,
)
from gateway_sync.runtime.core.limits import EXPIRES, NS, OVERAGE_LINE, TAT, Charged, Terms

WHOLE: Final = 1_000_000
UNLIMITED: Final = 2**53 - 1  # of quotas that refuse nobody: they are asked for to be told what the others used
WANTED: Final = "lease-wanted"  # no refusal: a call that must wait for a lease
UNCONFIRMED: Final = "quota-unconfirmed"
LENT_PART: Final = 100  # of a quota that is lent, the hundredth part may pass while nobody can be asked
LEASED_PART, KEPT_PART = 4, 2  # of what is left, the part that hosts lease together; more where some is kept
NO_MOST: Final = 2**53 - 1
RETRY_S: Final = 2  # after it the others may be in reach again
DEGRADED_LINE: Final = b"apim-limits: degraded\r\n"

# What a charge would like to be granted. Shapes: (number of the charge, position in its cell, limit, end of the window,
# the least that is of use, the most, the part of what is left that hosts lease together).
Want = tuple[int, int, int, int, int, int, int]


class Contact:
    """What is known of the others. Units: offset_ns is what is added to this host's clock to have everybody's.

    Shapes: is_held = what was granted may still be spent; is_made = more can be asked for; share is that of rates
    without a share of their own, in millionths; hosts is how many gateways there may be.
    """

    __slots__ = ("hosts", "is_held", "is_made", "offset_ns", "share")

    def __init__(self) -> None:
        """Nobody was met yet."""
        self.is_held = self.is_made = False
        self.share = WHOLE
        self.hosts = 1
        self.offset_ns = 0


class Decision:
    """How a charge ended. Shapes: charged as of LimitCells; wants are to be asked for, whatever it says."""

    __slots__ = ("charged", "wants")

    def __init__(self, charged: Charged, wants: list[Want]) -> None:
        """Decided."""
        self.charged = charged
        self.wants = wants


def charge_leased(
    terms: Sequence[Terms],
    cells: Sequence[list[int]],
    leases: Sequence[list[int]],
    contact: Contact,
    now_ns: int,
    size: int = 0,
) -> Decision:
    """Count one request in every cell, or in none; leases and windows that are over are begun anew in any case.

    Errors: total. Code WANTED = nothing was counted, and a lease may let it pass.
    """
    now_s = now_ns // NS
    refused: tuple[str, int] | None = None
    wants: list[Want] = []
    is_waiting = is_overage = False
    lent: list[tuple[list[int], int, int]] = []
    rates: list[int] = []
    for number, (term, cell, lease) in enumerate(zip(terms, cells, leases, strict=True)):
        _open(term, cell, lease, now_s)
        found = _check_windows((number, term.amount_of(size)), term, cell, lease, contact, now_ns)
        wants += found.wants
        lent += found.lent
        refused = refused or found.refused
        is_waiting = is_waiting or found.is_waiting
        arrival, wait_s = _check_rate(term, cell, lease, contact, now_ns)
        rates.append(arrival)
        if wait_s and refused is None:
            refused = "rate-limited", wait_s
    if refused is None and not is_waiting:
        for term, cell, arrival in zip(terms, cells, rates, strict=True):
            _count(term, cell, arrival, now_s, term.amount_of(size))
        for lease, part, amount in lent:
            lease[part + LENT] += amount
        is_overage = any(_is_overage(*each, now_s) for each in zip(terms, cells, leases, strict=True))
    elif refused is None:
        return Decision((WANTED, 0, b""), wants)
    lines = _fields(terms, cells, leases, contact, now_ns)
    if not contact.is_made:
        lines += DEGRADED_LINE
    if refused is not None:
        return Decision((*refused, lines), [])
    return Decision(("", 0, lines + OVERAGE_LINE if is_overage else lines), wants)


class _Found:
    """What the windows of one cell say."""

    __slots__ = ("is_waiting", "lent", "refused", "wants")

    def __init__(self) -> None:
        self.refused: tuple[str, int] | None = None
        self.is_waiting = False
        self.wants: list[Want] = []
        self.lent: list[tuple[list[int], int, int]] = []


def _check_windows(
    asked: tuple[int, int], term: Terms, cell: list[int], lease: list[int], contact: Contact, now_ns: int
) -> _Found:
    """Whether what is held lets one more call pass. Shapes: asked = (number of the charge, what a call counts for)."""
    found = _Found()
    number, amount = asked
    least = amount or 1  # of bytes that nobody knows yet, one must be left
    for position, limit, end, is_hard in term.open_at(now_ns // NS).windows:
        part, used = part_of(position), cell[position + 1]
        held = _held(cell, lease, position, contact)
        is_dry = now_ns < lease[part + DRY_UNTIL] <= now_ns + DRY_NS
        if contact.is_made and not is_dry and (held * 2 <= lease[part + SIZE] or held < least):
            found.wants.append((number, position, limit if is_hard else UNLIMITED, end, least, *_sizes(term)))
        if held >= least or not is_hard:
            continue
        wait_s = max(1, end - now_ns // NS)
        if used + least > limit:
            found.refused = found.refused or (term.code, wait_s)
        elif contact.is_made and not is_dry:
            found.is_waiting = True
        elif not contact.is_made and term.is_lent and lease[part + LENT] + least <= lent_at_most(limit, contact):
            found.lent.append((lease, part, amount))
        elif is_dry or used + lease[part + OTHERS] + least > limit:
            found.refused = found.refused or (term.code, wait_s)
        else:
            found.refused = found.refused or (UNCONFIRMED, min(RETRY_S, wait_s))
    return found


def _sizes(term: Terms) -> tuple[int, int]:
    """(the most that is leased at once, the part of what is left that hosts lease together)."""
    return (NO_MOST, KEPT_PART) if term.is_lent else (term.leased_at_most, LEASED_PART)


def lent_at_most(limit: int, contact: Contact) -> int:
    """What one host may let pass of a window beyond its grants, while nobody can be asked."""
    return limit // LENT_PART // contact.hosts


def _held(cell: Sequence[int], lease: Sequence[int], position: int, contact: Contact) -> int:
    """What may be spent yet of what the host was granted."""
    part = part_of(position)
    granted = lease[part + GRANTED]
    if not contact.is_held:
        granted = min(granted, lease[part + CONFIRMED])
    return granted - cell[position + 1]


def _open(term: Terms, cell: list[int], lease: list[int], now_s: int) -> None:
    """Begin the windows anew that are over; a clock that went back keeps the later ones."""
    for position, start in term.open_at(now_s).counted:
        if cell[position] < start:
            cell[position] = start
            cell[position + 1] = 0
        open_part(cell, lease, position)


def _rate_of(term: Terms, lease: list[int], contact: Contact) -> tuple[int, int]:
    """(nanoseconds between two calls, burst) of this host's share."""
    share = lease[SHARE] or contact.share
    return max(1, term.step_ns * WHOLE // share), max(1, term.burst * share // WHOLE)


def _check_rate(term: Terms, cell: list[int], lease: list[int], contact: Contact, now_ns: int) -> tuple[int, int]:
    """(arrival time to store, 0), or (0, seconds to wait)."""
    if not term.burst:
        return cell[TAT], 0
    lease[ASKED] += 1
    step_ns, burst = _rate_of(term, lease, contact)
    fits, arrival = advance(cell[TAT], now_ns, step_ns, burst)
    return (arrival, 0) if fits else (0, retry_after_s(cell[TAT], now_ns, step_ns, burst))


def _count(term: Terms, cell: list[int], arrival: int, now_s: int, amount: int) -> None:
    cell[TAT] = arrival
    for position, _ in term.open_at(now_s).counted:
        cell[position + 1] += amount
    # A share may be small: a bucket of it is full again much later than one of the whole rate.
    cell[EXPIRES] = max(term.expires_at(now_s), arrival // NS + 1)


def _is_overage(term: Terms, cell: list[int], lease: list[int], now_s: int) -> bool:
    soft = term.open_at(now_s).soft
    return any(cell[position + 1] + lease[part_of(position) + OTHERS] > limit for position, limit in soft)


def _fields(
    terms: Sequence[Terms], cells: Sequence[list[int]], leases: Sequence[list[int]], contact: Contact, now_ns: int
) -> bytes:
    """The RateLimit lines: of a quota what is left of all of it, by the last word of the others; else what is held."""
    told = [
        term.left_template % _left(term, cell, lease, contact, now_ns)
        for term, cell, lease in zip(terms, cells, leases, strict=True)
        if term.left_template
    ]
    policy = b", ".join(filter(None, (term.policy_field for term in terms)))
    return b"RateLimit-Policy: %s\r\nRateLimit: %s\r\n" % (policy, b", ".join(told)) if told else b""


def _left(term: Terms, cell: list[int], lease: list[int], contact: Contact, now_ns: int) -> tuple[int, ...]:
    numbers: list[int] = []
    now_s = now_ns // NS
    if term.burst:
        tat = cell[TAT]
        numbers.append(remaining(tat, now_ns, *_rate_of(term, lease, contact)))
        numbers.append(-((now_ns - tat) // NS) if tat > now_ns else 0)
    for position, limit, end, is_hard in term.open_at(now_s).windows:
        if not is_hard:
            continue
        part, used = part_of(position), cell[position + 1]
        left = limit - used - lease[part + OTHERS] if contact.is_made else _held(cell, lease, position, contact)
        numbers += (max(0, left), end - now_s)
    return tuple(numbers)


def settle_leased(
    term: Terms, cell: list[int], lease: list[int], contact: Contact, started_ns: int, more: int
) -> list[Want]:
    """What is wanted after so much more was counted for a call. What no grant covers counts as lent.

    Shapes: the number of the charge in a want is 0.
    """
    before = list(cell)
    wants: list[Want] = []
    found = term.settle_more(cell, started_ns, more)
    for position, limit, end, is_hard in term.open_at(started_ns // NS).windows:
        part = part_of(position)
        if position not in found or lease[part + START] != cell[position]:
            continue
        held = _held(cell, lease, position, contact)
        if contact.is_made and held * 2 <= lease[part + SIZE]:
            wants.append((0, position, limit if is_hard else UNLIMITED, end, 1, *_sizes(term)))
        elif not contact.is_made and term.is_lent and held < 0 and is_hard:
            lease[part + LENT] += min(-held, max(0, cell[position + 1] - before[position + 1]))
    return wants


def shares_of(asked: Sequence[int]) -> list[int]:
    """The share of each host in millionths, by how many calls of each asked; together they are at most the whole.

    A tenth is spread evenly, so that who asked nothing lately is not at nought when it does.
    """
    total, hosts = sum(asked), len(asked)
    if not total:
        return [WHOLE // hosts] * hosts
    even = WHOLE // 10 // hosts
    return [even + (WHOLE - even * hosts) * each // total for each in asked]
