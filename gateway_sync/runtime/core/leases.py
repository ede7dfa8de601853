"""Leases: what one host may spend of limits that several gateways share, decided on its cells without asking anybody.

Of each quota a host holds a part that was debited for it where all gateways meet, so what all admit together is never
above the limit, whoever dies. Of each rate it has a share. Beside each cell lies a lease, integers as well.

Owns: the decision with leases in hand, and its RateLimit fields. Must not know: where leases come from, who keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway_sync.policies.rate_limit import advance, remaining, retry_after_s
from gateway_sync.runtime.core.limits import CELL_LENGTH, EXPIRES, FIRST_WINDOW, NS, OVERAGE_LINE, TAT, Charged, Terms

# Positions in a window's part of a lease: START is that of the window it is for; GRANTED counts from that start, as
# what the cell has used does; OTHERS is what was granted to the other hosts; nothing was left until DRY_UNTIL; LENT
# passed without a grant; SIZE is what came last.
START, GRANTED, OTHERS, DRY_UNTIL, LENT, SIZE = range(6)
_PART: Final = 6
_WINDOWS: Final = (CELL_LENGTH - FIRST_WINDOW) // 2
# Behind the windows' parts: the share of the rate in millionths, 0 = as everybody; and how many calls asked for it.
SHARE: Final = _PART * _WINDOWS
ASKED: Final = SHARE + 1
LEASE_LENGTH: Final = ASKED + 1

WHOLE: Final = 1_000_000
UNLIMITED: Final = 2**53 - 1  # of quotas that refuse nobody: they are asked for to be told what the others used
WANTED: Final = "lease-wanted"  # no refusal: a call that must wait for a lease
UNCONFIRMED: Final = "quota-unconfirmed"
LENT_PART: Final = 100  # of a quota that is lent, the hundredth part may pass while nobody can be asked
DRY_NS: Final = NS  # as long nothing is asked for after the answer that nothing is left
RETRY_S: Final = 2  # after it the others may be in reach again
DEGRADED_LINE: Final = b"apim-limits: degraded\r\n"

Want = tuple[int, int, int, int]  # (number of the charge, position in its cell, limit, end of the window)


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


def part_of(position: int) -> int:
    """Where the part of the window at a position of a cell begins in a lease."""
    return (position - FIRST_WINDOW) // 2 * _PART


def charge_leased(
    terms: Sequence[Terms], cells: Sequence[list[int]], leases: Sequence[list[int]], contact: Contact, now_ns: int
) -> Decision:
    """Count one request in every cell, or in none; leases and windows that are over are begun anew in any case.

    Errors: total. Code WANTED = nothing was counted, and a lease may let it pass.
    """
    now_s = now_ns // NS
    refused: tuple[str, int] | None = None
    wants: list[Want] = []
    is_waiting = is_overage = False
    lent: list[tuple[list[int], int]] = []
    rates: list[int] = []
    for number, (term, cell, lease) in enumerate(zip(terms, cells, leases, strict=True)):
        _open(term, cell, lease, now_s)
        found = _check_windows(number, term, cell, lease, contact, now_ns)
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
            _count(term, cell, arrival, now_s)
        for lease, part in lent:
            lease[part + LENT] += 1
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
        self.lent: list[tuple[list[int], int]] = []


def _check_windows(
    number: int, term: Terms, cell: list[int], lease: list[int], contact: Contact, now_ns: int
) -> _Found:
    """Whether what is held lets one more call pass."""
    found = _Found()
    for position, limit, end, is_hard in term.open_at(now_ns // NS).windows:
        part, used = part_of(position), cell[position + 1]
        held = lease[part + GRANTED] - used if contact.is_held else 0
        is_dry = now_ns < lease[part + DRY_UNTIL] <= now_ns + DRY_NS
        if contact.is_made and not is_dry and held * 2 <= lease[part + SIZE]:
            found.wants.append((number, position, limit if is_hard else UNLIMITED, end))
        if held > 0 or not is_hard:
            continue
        wait_s = max(1, end - now_ns // NS)
        if contact.is_made and not is_dry:
            found.is_waiting = True
        elif not contact.is_made and term.is_lent and lease[part + LENT] < limit // LENT_PART // contact.hosts:
            found.lent.append((lease, part))
        elif is_dry or used + lease[part + OTHERS] >= limit:
            found.refused = found.refused or (term.code, wait_s)
        else:
            found.refused = found.refused or (UNCONFIRMED, min(RETRY_S, wait_s))
    return found


def _open(term: Terms, cell: list[int], lease: list[int], now_s: int) -> None:
    """Begin the windows anew that are over; a clock that went back keeps the later ones."""
    for position, start in term.open_at(now_s).counted:
        if cell[position] < start:
            cell[position] = start
            cell[position + 1] = 0
        part = part_of(position)
        if lease[part + START] != cell[position]:
            lease[part : part + _PART] = [cell[position], 0, 0, 0, 0, 0]


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


def _count(term: Terms, cell: list[int], arrival: int, now_s: int) -> None:
    cell[TAT] = arrival
    for position, _ in term.open_at(now_s).counted:
        cell[position + 1] += 1
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
        if contact.is_made:
            left = limit - used - lease[part + OTHERS]
        else:
            left = lease[part + GRANTED] - used if contact.is_held else 0
        numbers += (max(0, left), end - now_s)
    return tuple(numbers)


def granted_at(cell: Sequence[int], lease: Sequence[int], position: int) -> int:
    """What the host was granted in all of the window at a position of its cell."""
    part = part_of(position)
    return lease[part + GRANTED] if lease[part + START] == cell[position] else 0


def take_grant(cell: Sequence[int], lease: list[int], position: int, told: tuple[int, int], now_ns: int) -> None:
    """Put down what the host was granted in all, and what all were. Shapes: told = (mine, everybody's)."""
    mine, total = told
    size = max(0, mine - granted_at(cell, lease, position))
    part = part_of(position)
    lent = lease[part + LENT] if lease[part + START] == cell[position] else 0
    is_dry = mine <= cell[position + 1]
    lease[part : part + _PART] = [cell[position], mine, total - mine, now_ns + DRY_NS if is_dry else 0, lent, size]


def give_up(cell: Sequence[int], lease: list[int], position: int) -> int:
    """What the host keeps of what it was granted: as much as it has spent."""
    part = part_of(position)
    if lease[part + START] == cell[position]:
        lease[part + GRANTED] = min(lease[part + GRANTED], cell[position + 1])
        lease[part + SIZE] = 0
    return granted_at(cell, lease, position)


def void_all(cell: Sequence[int], lease: list[int]) -> list[int]:
    """Give all up that was granted in an epoch that is over; the positions where something was used.

    What was used counts as granted from now on: it is said anew where the hosts meet.
    """
    used: list[int] = []
    for position in range(FIRST_WINDOW, CELL_LENGTH, 2):
        part = part_of(position)
        lent = lease[part + LENT] if lease[part + START] == cell[position] else 0
        lease[part : part + _PART] = [cell[position], cell[position + 1], 0, 0, lent, 0]
        if cell[position + 1]:
            used.append(position)
    return used


def shares_of(asked: Sequence[int]) -> list[int]:
    """The share of each host in millionths, by how many calls of each asked; together they are at most the whole.

    A tenth is spread evenly, so that who asked nothing lately is not at nought when it does.
    """
    total, hosts = sum(asked), len(asked)
    if not total:
        return [WHOLE // hosts] * hosts
    even = WHOLE // 10 // hosts
    return [even + (WHOLE - even * hosts) * each // total for each in asked]
