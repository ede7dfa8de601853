"""Limits of one cell: rates with burst, calendar windows, clocks that move (R5).

Promises B7, H24.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.runtime.core.addresses import MAX_ADDRESSES, AddressLimit
from gateway_sync.runtime.core.limits import BYTES, CELL_LENGTH, NS, OVERAGE_LINE, UNITS, Terms, charge_all
from gateway_sync.runtime.core.windows import billing_window, window_of

NOON = 1_767_268_800  # 2026-01-01 12:00 UTC


def at(*parts: int, zone: str = "UTC") -> int:
    """Seconds since the epoch of a local time."""
    return int(datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp())  # type: ignore[arg-type,misc]


def test_burst_passes_at_once_then_the_rate_decides() -> None:
    terms, cell = Terms("rate", (10, 1, 5)), [0] * CELL_LENGTH
    now = NOON * NS
    assert [charge_all((terms,), (cell,), now)[0] for _ in range(6)] == [""] * 5 + ["rate-limited"]
    assert charge_all((terms,), (cell,), now + NS // 10)[0] == ""
    refused = charge_all((terms,), (cell,), now + NS // 10)
    assert (refused[0], refused[1]) == ("rate-limited", 1)
    assert b'"rate";r=0;t=1' in refused[2]


@given(st.lists(st.integers(0, 3 * NS), max_size=200), st.integers(1, 50), st.integers(1, 20))
def test_no_window_admits_more_than_burst_plus_rate(steps: list[int], requests: int, burst: int) -> None:
    terms, cell = Terms("rate", (requests, 1, burst)), [0] * CELL_LENGTH
    now, admitted = NOON * NS, []
    for step in steps:
        now += step // 50
        if not charge_all((terms,), (cell,), now)[0]:
            admitted.append(now)
    for start in admitted:
        inside = sum(start <= moment < start + NS for moment in admitted)
        assert inside <= burst + requests + 1


@given(
    st.one_of(st.none(), st.tuples(st.integers(1, 5), st.just(1), st.integers(1, 4))),
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["hour", "day"])), unique_by=lambda quota: quota[1]),
    st.lists(st.integers(-2 * NS, 2000 * NS), min_size=1, max_size=30),
)
def test_one_cell_is_charged_alike_alone_and_with_others(
    rate: tuple[int, int, int] | None, quotas: list[tuple[int, str]], steps: list[int]
) -> None:
    terms, plenty = Terms("rate", rate, quotas or [(3, "month")]), Terms("wide", None, [(10**6, "month")])
    alone, beside, wide = ([0] * CELL_LENGTH for _ in range(3))
    now = NOON * NS
    for step in steps:
        now += step
        kept = list(alone)
        code, wait_s, fields = charge_all((terms,), (kept,), now)
        alone = alone if code else kept  # what was refused is not stored
        other_code, other_wait_s, other_fields = charge_all((terms, plenty), (beside, wide), now)
        assert (code, wait_s) == (other_code, other_wait_s)
        assert alone[0] == beside[0]
        assert [alone[at] for at in range(3, CELL_LENGTH, 2)] == [beside[at] for at in range(3, CELL_LENGTH, 2)]
        left = fields.split(b"\r\nRateLimit: ")[1].removesuffix(b"\r\n")
        assert other_fields.split(b"\r\nRateLimit: ")[1].startswith(left)


def test_quota_counts_to_the_last_and_tells_when_it_comes_back() -> None:
    terms, cell = Terms("rate", None, [(3, "month")]), [0] * CELL_LENGTH
    codes = [charge_all((terms,), (cell,), NOON * NS)[0] for _ in range(4)]
    assert codes == ["", "", "", "quota-exceeded"]
    refused = charge_all((terms,), (cell,), NOON * NS)
    assert refused[1] == at(2026, 2, 1) - NOON
    assert b'RateLimit-Policy: "month";q=3;w=2678400\r\nRateLimit: "month";r=0;t=' in refused[2]
    assert charge_all((terms,), (cell,), at(2026, 2, 1) * NS)[0] == ""


def test_request_is_counted_in_all_cells_or_in_none() -> None:
    wide, narrow = Terms("rate", None, [(100, "day")]), Terms("version-0", (1, 1, 1))
    cells = [[0] * CELL_LENGTH, [0] * CELL_LENGTH]
    codes = [charge_all((wide, narrow), cells, NOON * NS)[0] for _ in range(3)]
    assert codes == ["", "rate-limited", "rate-limited"]
    assert charge_all((wide,), (cells[0],), NOON * NS)[2].count(b"r=98;") == 1


def test_clock_that_goes_back_grants_no_quota_twice_and_locks_nobody_out() -> None:
    terms, cell = Terms("rate", (1, 1, 2), [(3, "hour")]), [0] * CELL_LENGTH
    for step in range(3):
        assert charge_all((terms,), (cell,), (NOON + step) * NS)[0] == ""
    assert charge_all((terms,), (cell,), (NOON - 3600) * NS)[0] in ("quota-exceeded", "rate-limited")
    rate, cell = Terms("rate", (1, 1, 2)), [0] * CELL_LENGTH
    assert charge_all((rate,), (cell,), (NOON + 86_400) * NS)[0] == ""
    assert [charge_all((rate,), (cell,), (NOON + second) * NS)[0] for second in (0, 2)][-1] == ""


@pytest.mark.parametrize(
    ("per", "zone", "now", "start", "end"),
    [
        ("month", "UTC", at(2026, 2, 28, 23), at(2026, 2, 1), at(2026, 3, 1)),
        ("month", "UTC", at(2026, 12, 31, 23), at(2026, 12, 1), at(2027, 1, 1)),
        ("day", "Europe/Berlin", at(2026, 3, 29, 12, zone="Europe/Berlin"), at(2026, 3, 28, 23), at(2026, 3, 29, 22)),
        (
            "day",
            "Europe/Berlin",
            at(2026, 10, 25, 12, zone="Europe/Berlin"),
            at(2026, 10, 24, 22),
            at(2026, 10, 25, 23),
        ),
        ("hour", "Asia/Kolkata", at(2026, 1, 1, 12, 10), at(2026, 1, 1, 11, 30), at(2026, 1, 1, 12, 30)),
        ("hour", "UTC", at(2026, 1, 1, 12, 10), at(2026, 1, 1, 12), at(2026, 1, 1, 13)),
    ],
)
def test_windows_have_their_true_length(per: str, zone: str, now: int, start: int, end: int) -> None:
    assert window_of(per, ZoneInfo(zone), now) == (start, end)


@given(
    st.integers(0, 2_000_000_000),
    st.sampled_from(["hour", "day", "month"]),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]),
)
def test_windows_hold_their_instant_and_touch(now: int, per: str, zone: str) -> None:
    start, end = window_of(per, ZoneInfo(zone), now)
    assert start <= now < end
    assert window_of(per, ZoneInfo(zone), end)[0] == end
    assert datetime.fromtimestamp(start, UTC).timestamp() == start


def test_a_soft_quota_lets_pass_and_says_so_and_a_hard_one_beside_it_ends_it() -> None:
    terms, cell = Terms("rate", None, [(4, "period")], soft_quotas=[(2, "period")]), [0] * CELL_LENGTH
    told = [charge_all((terms,), (cell,), NOON * NS) for _ in range(5)]
    assert [code for code, _, _ in told] == ["", "", "", "", "quota-exceeded"]
    assert [OVERAGE_LINE in lines for _, _, lines in told] == [False, False, True, True, False]
    assert [b"r=%d;" % left in lines for left, (_, _, lines) in zip((3, 2, 1, 0, 0), told, strict=True)] == [True] * 5


def test_a_soft_quota_alone_refuses_nobody_and_is_counted_anew_in_the_next_period() -> None:
    terms = Terms("rate", None, soft_quotas=[(1, "period")], billing=("day", NOON))
    cell = [0] * CELL_LENGTH
    told = [charge_all((terms,), (cell,), (NOON + step) * NS) for step in (0, 1, 86_399, 86_400)]
    assert told == [("", 0, b""), ("", 0, OVERAGE_LINE), ("", 0, OVERAGE_LINE), ("", 0, b"")]


def test_overage_is_told_beside_other_limits_too() -> None:
    soft, wide = Terms("rate", None, soft_quotas=[(1, "month")]), Terms("wide", (10, 1, 10))
    cells = [[0] * CELL_LENGTH, [0] * CELL_LENGTH]
    told = [charge_all((soft, wide), cells, NOON * NS)[2] for _ in range(2)]
    assert [OVERAGE_LINE in lines for lines in told] == [False, True]
    assert all(b'RateLimit: "wide";r=' in lines for lines in told)


def test_units_are_debited_at_once_or_not_at_all() -> None:
    terms = [Terms("rate", None, [(10, "month")], unit=UNITS, cost=cost) for cost in (1, 4)]
    cell = [0] * CELL_LENGTH
    told = [charge_all((terms[number],), (cell,), NOON * NS) for number in (1, 1, 1, 0, 0, 0)]
    assert [code for code, _, _ in told] == ["", "", "quota-exceeded", "", "", "quota-exceeded"]
    assert [b"r=%d;" % left in lines for left, (_, _, lines) in zip((6, 2, 2, 1, 0, 0), told, strict=True)] == [
        True
    ] * 6
    assert (
        b'RateLimit-Policy: "month-units";q=10;qu="apim-units";w=2678400\r\nRateLimit: "month-units";r=' in told[0][2]
    )


def test_bytes_are_debited_as_far_as_they_are_known_and_the_rest_when_the_answer_has_ended() -> None:
    terms, cell = Terms("rate", None, [(1000, "day")], unit=BYTES), [0] * CELL_LENGTH
    assert charge_all((terms,), (cell,), NOON * NS, 1001)[0] == "quota-exceeded"  # it does not fit, and is not counted
    assert b"r=400;" in charge_all((terms,), (cell,), NOON * NS, 600)[2]
    terms.settle_more(cell, NOON * NS, 399)
    assert charge_all((terms,), (cell,), NOON * NS)[0] == ""  # one byte is left, and nobody knows yet what this takes
    terms.settle_more(cell, NOON * NS, 5000)
    assert charge_all((terms,), (cell,), NOON * NS)[0] == "quota-exceeded"
    terms.settle_more(cell, NOON * NS, -5500)  # a caller that announced more than it sent
    assert charge_all((terms,), (cell,), NOON * NS)[0] == ""
    assert charge_all((terms,), (cell,), (NOON + 86_400) * NS)[0] == ""
    terms.settle_more(cell, NOON * NS, 5000)  # what ends after its window has, counts in none
    assert b"r=1000;" in charge_all((terms,), (cell,), (NOON + 86_400) * NS)[2]


@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 9), st.integers(-4, 30), st.integers(1, 7)), max_size=60),
)
def test_no_more_is_passed_than_the_limit_and_of_bytes_one_answer_more_a_call_under_way(
    limit: int, calls: list[tuple[int, int, int]]
) -> None:
    units = {cost: Terms("rate", None, [(limit, "day")], unit=UNITS, cost=cost) for cost in range(1, 8)}
    sized, cells = Terms("rate", None, [(limit, "day")], unit=BYTES), [[0] * CELL_LENGTH, [0] * CELL_LENGTH]
    spent = passed = largest = 0
    for size, more, cost in calls:
        before = [list(cell) for cell in cells]
        code = charge_all((units[cost], sized), cells, NOON * NS, size)[0]
        if code:
            assert cells == before
            continue
        spent += cost
        unknown = max(more, -size)
        sized.settle_more(cells[1], NOON * NS, unknown)
        passed += size + unknown
        largest = max(largest, unknown)
        assert spent <= limit
        assert passed <= limit + largest


@pytest.mark.parametrize(
    ("interval", "anchor", "now", "start", "end"),
    [
        ("month", at(2026, 1, 31, 9), at(2026, 2, 28, 8), at(2026, 1, 31, 9), at(2026, 2, 28, 9)),
        ("month", at(2026, 1, 31, 9), at(2026, 2, 28, 9), at(2026, 2, 28, 9), at(2026, 3, 31, 9)),
        ("month", at(2028, 1, 30), at(2028, 2, 29), at(2028, 2, 29), at(2028, 3, 30)),
        ("month", at(2026, 5, 15), at(2026, 1, 1), at(2025, 12, 15), at(2026, 1, 15)),
        ("quarter", at(2025, 11, 30), at(2026, 3, 1), at(2026, 2, 28), at(2026, 5, 30)),
        ("year", at(2024, 2, 29), at(2026, 1, 1), at(2025, 2, 28), at(2026, 2, 28)),
        ("week", at(2026, 1, 1), at(2026, 1, 15), at(2026, 1, 15), at(2026, 1, 22)),
    ],
)
def test_billing_periods_count_from_their_anchor(interval: str, anchor: int, now: int, start: int, end: int) -> None:
    assert billing_window(interval, anchor, now) == (start, end)


@given(
    st.integers(0, 2_000_000_000),
    st.integers(0, 2_000_000_000),
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
)
def test_billing_periods_hold_their_instant_and_touch(now: int, anchor: int, interval: str) -> None:
    start, end = billing_window(interval, anchor, now)
    assert start <= now < end
    assert billing_window(interval, anchor, end)[0] == end
    assert billing_window(interval, anchor, start - 1)[1] == start


def test_address_limit_stays_in_bounded_memory_and_counts_ipv6_by_network() -> None:
    limit = AddressLimit(1, 2)
    for number in range(MAX_ADDRESSES + 10):
        limit.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", NOON * NS)
    assert len(limit._arrivals) <= MAX_ADDRESSES
    limit = AddressLimit(1, 2)
    for host in ("2001:db8::1", "2001:db8::2"):
        assert limit.refusal(host, NOON * NS) is None
        limit.count(host, NOON * NS)
    refusal = limit.refusal("2001:db8::3", NOON * NS)
    assert refusal is not None
    assert refusal.code == "rate-limited"
    assert limit.refusal("2001:db8:1::3", NOON * NS) is None
