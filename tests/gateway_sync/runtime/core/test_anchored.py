"""Quotas of a subscription's own days, months and billing periods (R5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.runtime.core.access import NOBODY, Verdict
from gateway_sync.runtime.core.anchored import AnchoredTerms
from gateway_sync.runtime.core.grants import plan_charges
from gateway_sync.runtime.core.limits import CELL_LENGTH, NS, UNITS, charge_all
from gateway_sync.runtime.core.plans import PlanEntry
from gateway_sync.runtime.core.windows import anchored_window
from gateway_sync.snapshot import Plan, Quota

INTERVALS = ("day", "week", "month", "quarter", "year")
MOMENTS = st.integers(1_704_067_200, 1_956_528_000)  # 2024 to 2032


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]


def days_of(interval: str, anchor_s: int, now_s: int) -> tuple[str, str]:
    start, end = anchored_window(interval, anchor_s, now_s)
    return tuple(f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d %H:%M}" for each in (start, end))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("interval", "now", "wanted"),
    [
        ("month", (2026, 2, 28, 12), ("2026-01-31 13:00", "2026-02-28 13:00")),
        ("month", (2026, 2, 28, 14), ("2026-02-28 13:00", "2026-03-31 13:00")),
        ("month", (2026, 4, 30, 13), ("2026-04-30 13:00", "2026-05-31 13:00")),
        ("month", (2028, 2, 29, 13), ("2028-02-29 13:00", "2028-03-31 13:00")),
        ("day", (2026, 3, 29, 12, 59), ("2026-03-28 13:00", "2026-03-29 13:00")),
        ("quarter", (2026, 5, 1), ("2026-04-30 00:00", "2026-07-31 00:00")),
        ("year", (2027, 1, 30), ("2026-01-31 00:00", "2027-01-31 00:00")),
    ],
)
def test_windows_begin_with_the_full_hour_of_the_anchor_and_long_ones_with_its_day(
    interval: str, now: tuple[int, ...], wanted: tuple[str, str]
) -> None:
    assert days_of(interval, at(2026, 1, 31, 13, 37, 12), at(*now)) == wanted


@given(st.sampled_from(INTERVALS), MOMENTS, MOMENTS)
def test_windows_follow_one_another_without_a_gap(interval: str, anchor_s: int, now_s: int) -> None:
    start, end = anchored_window(interval, anchor_s, now_s)
    assert start <= now_s < end
    assert anchored_window(interval, anchor_s, start) == (start, end)
    assert anchored_window(interval, anchor_s, end)[0] == end
    assert anchored_window(interval, anchor_s, start - 1)[1] == start
    assert start % 3600 == 0
    first, _ = anchored_window(interval, anchor_s, anchor_s)
    assert 0 <= anchor_s - first < (86_400 if interval in {"quarter", "year"} else 3_600)


def test_callers_are_told_the_true_length_and_end_of_the_window() -> None:
    terms, cell = AnchoredTerms(2, "month", at(2026, 1, 31, 13, 37)), [0] * CELL_LENGTH
    now = at(2026, 2, 10)
    code, _, lines = charge_all((terms,), (cell,), now * NS)
    assert not code
    assert b'RateLimit-Policy: "period-month";q=2;w=%d\r\n' % (28 * 86_400) in lines
    assert b'RateLimit: "period-month";r=1;t=%d\r\n' % (at(2026, 2, 28, 13) - now) in lines
    charge_all((terms,), (cell,), now * NS)
    assert charge_all((terms,), (cell,), now * NS)[:2] == ("quota-exceeded", at(2026, 2, 28, 13) - now)
    assert charge_all((terms,), (cell,), at(2026, 2, 28, 13) * NS)[0] == ""


@given(st.sampled_from(INTERVALS), MOMENTS, st.lists(st.integers(0, 40 * 86_400), max_size=60), st.integers(1, 6))
def test_no_window_admits_more_than_its_quota_and_each_admits_all_of_it(
    interval: str, anchor_s: int, steps: list[int], quota: int
) -> None:
    terms, cell = AnchoredTerms(quota, interval, anchor_s), [0] * CELL_LENGTH
    asked: dict[int, int] = {}
    admitted: dict[int, int] = {}
    now = anchor_s
    for step in steps:
        now += step
        start, _ = anchored_window(interval, anchor_s, now)
        asked[start] = asked.get(start, 0) + 1
        admitted[start] = admitted.get(start, 0) + (not charge_all((terms,), (cell,), now * NS)[0])
    assert admitted == {start: min(quota, calls) for start, calls in asked.items()}


def verdict(since_s: int) -> Verdict:
    return Verdict(NOBODY, "", "sub_1", "plv_1", since_s=since_s)


def test_a_plan_counts_each_of_its_own_windows_apart() -> None:
    quotas = (
        Quota(5, "day"),
        Quota(10, "month", window="anchored"),
        Quota(40, "period", unit="units", window="anchored"),
    )
    plan = PlanEntry(Plan("plv_1", "free", 1, None, quotas, "UTC", "year", weights={"POST /*": 5}))
    charges = plan_charges(plan, verdict(at(2026, 1, 31, 13)), "POST /transfers")
    now = at(2026, 2, 10) * NS
    cells = [[0] * CELL_LENGTH for _ in charges]
    code, _, lines = charge_all([terms for _, terms in charges], cells, now)
    assert not code
    assert len({key for key, _ in charges}) == 3
    assert b'"day";r=4;' in lines
    assert b'"period-month";r=9;' in lines
    assert b'"period-year-units";q=40;qu="apim-units";w=%d' % (365 * 86_400) in lines
    assert b'"period-year-units";r=35;' in lines


def test_a_subscription_that_begins_to_be_billed_begins_a_window_on_every_gateway_alike() -> None:
    plan = PlanEntry(Plan("plv_1", "free", 1, None, (Quota(5, "month", window="anchored"),), "UTC"))
    before, after = verdict(at(2026, 1, 31, 13)), verdict(at(2026, 2, 5, 9))
    ((first, _),), ((second, _),) = plan_charges(plan, before, "GET /"), plan_charges(plan, after, "GET /")
    assert first != second
    assert plan_charges(plan, before, "GET /")[0][0] == first


def test_what_is_billed_exactly_is_counted_beside_what_is_anchored() -> None:
    """A meter's own limit begins with the second of the billing period, the quota with its hour."""
    quotas = (Quota(5, "period"), Quota(5, "period", window="anchored"))
    plan = PlanEntry(Plan("plv_1", "pro", 1, None, quotas, "UTC"))
    anchor = at(2026, 1, 31, 13, 37, 12)
    billed = Verdict(NOBODY, "", "sub_1", "plv_1", anchor_s=anchor, since_s=anchor)
    now = at(2026, 1, 31, 13, 40)
    told = [terms.open_at(now).counted[0][1] for _, terms in plan_charges(plan, billed, "GET /")]
    assert told == [anchor, at(2026, 1, 31, 13)]


def test_units_cost_what_the_plan_says_in_its_own_windows_too() -> None:
    terms, cell = AnchoredTerms(10, "day", at(2026, 1, 1, 5, 30), unit=UNITS, cost=4), [0] * CELL_LENGTH
    now = at(2026, 1, 1, 6) * NS
    assert [charge_all((terms,), (cell,), now)[0] for _ in range(3)] == ["", "", "quota-exceeded"]
    assert charge_all((terms,), (cell,), now + 24 * 3600 * NS)[0] == ""
    assert timedelta(
        seconds=anchored_window("day", at(2026, 1, 1, 5, 30), at(2026, 1, 1, 6))[1] - at(2026, 1, 1, 6)
    ) == (timedelta(hours=23))
