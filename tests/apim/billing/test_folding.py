"""How a subscription stands by what Stripe says now: statuses, open invoices, and time. No database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.billing.folding import NO_CARD, NOT_PAID, Fold, fold, payment_of, stage_of, subscription_id_of, unpaid_since
from apim.pricing.clauses import Dunning

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
START, END = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
DUNNING = Dunning()


def stripe_subscription(status: str, **changes: object) -> dict[str, Any]:
    period = {"current_period_start": int(START.timestamp()), "current_period_end": int(END.timestamp())}
    return {
        "id": "sub_1",
        "status": status,
        "billing_cycle_anchor": int(START.timestamp()),
        "items": {"data": [period]},
    } | changes


def open_invoice(days_ago: float, **changes: object) -> dict[str, Any]:
    moment = int((NOW - timedelta(days=days_ago)).timestamp())
    return {
        "status": "open",
        "attempted": True,
        "amount_remaining": 2900,
        "created": moment,
        "status_transitions": {"finalized_at": moment},
    } | changes


def folded(status: str, *invoices: dict[str, Any], patient_until: datetime | None = None, **changes: object) -> Fold:
    return fold(stripe_subscription(status, **changes), invoices, dunning=DUNNING, now=NOW, patient_until=patient_until)


@pytest.mark.parametrize(
    ("status", "lifecycle", "payment"),
    [
        ("incomplete", "pending", "none"),
        ("trialing", "active", "ok"),
        ("active", "active", "ok"),
        ("past_due", "active", "grace"),
        ("paused", "paused", "ok"),
        ("canceled", "ended", "ok"),
        ("incomplete_expired", "ended", "ok"),
    ],
)
def test_each_status_has_its_standing(status: str, lifecycle: str, payment: str) -> None:
    invoices = [open_invoice(1)] if status == "past_due" else []
    found = folded(status, *invoices)
    assert (found.lifecycle, found.payment) == (lifecycle, payment)


@pytest.mark.parametrize(
    ("days", "lifecycle", "payment"),
    [
        (0, "active", "grace"),
        (6.9, "active", "grace"),
        (7, "active", "restricted"),
        (13.9, "active", "restricted"),
        (14, "active", "suspended"),
        (44.9, "active", "suspended"),
        (45, "ended", "suspended"),
    ],
)
@pytest.mark.parametrize("status", ["past_due", "unpaid", "active"])
def test_an_open_invoice_restricts_by_its_age_whatever_the_status(
    status: str, days: float, lifecycle: str, payment: str
) -> None:
    found = folded(status, open_invoice(days))
    assert (found.lifecycle, found.payment) == (lifecycle, payment)


def test_the_oldest_open_invoice_counts_and_drafts_and_untried_ones_do_not() -> None:
    invoices = [
        open_invoice(1),
        open_invoice(9),
        open_invoice(30, attempted=False),
        open_invoice(30, status="draft"),
        open_invoice(30, amount_remaining=0),
    ]
    assert unpaid_since(invoices, now=NOW) == NOW - timedelta(days=9)
    assert unpaid_since([], now=NOW) is None


def test_what_is_written_off_or_overdue_is_owed() -> None:
    assert folded("active", open_invoice(20, status="uncollectible", attempted=False)).payment == "suspended"
    promised = int((NOW - timedelta(days=8)).timestamp())
    assert folded("active", open_invoice(38, attempted=False, due_date=promised)).payment == "restricted"
    later = int((NOW + timedelta(days=8)).timestamp())
    assert folded("active", open_invoice(38, attempted=False, due_date=later)).payment == "ok"


def test_a_debt_without_a_tried_invoice_is_as_old_as_it_is_known() -> None:
    assert folded("past_due").payment == "grace"  # not as old as the period, which began weeks ago
    assert folded("past_due").unpaid_since == NOW
    known = NOW - timedelta(days=8)
    found = fold(stripe_subscription("past_due"), [], dunning=DUNNING, now=NOW, known_since=known)
    assert (found.payment, found.unpaid_since) == ("restricted", known)


def test_patience_keeps_the_grace_until_it_runs_out() -> None:
    assert folded("past_due", open_invoice(20), patient_until=NOW + timedelta(days=1)).payment == "grace"
    assert folded("past_due", open_invoice(20), patient_until=NOW).payment == "suspended"
    assert folded("past_due", open_invoice(60), patient_until=NOW + timedelta(days=1)).lifecycle == "active"


def test_a_cancellation_works_until_its_end() -> None:
    found = folded("active", cancel_at_period_end=True)
    assert (found.lifecycle, found.ends_at) == ("canceled", END)
    assert folded("active", cancel_at=int(NOW.timestamp())).ends_at == NOW


def test_reasons_are_told_where_calls_are_refused() -> None:
    assert folded("paused").reason == NO_CARD
    assert folded("unpaid", open_invoice(20)).reason == NOT_PAID
    assert folded("past_due", open_invoice(46)).reason == "Not paid for 45 days."
    assert folded("past_due", open_invoice(1)).reason == ""


def test_period_and_anchor_are_told() -> None:
    found = folded("active")
    assert (found.period_start, found.period_end, found.anchor) == (START, END, START)


def test_an_invoice_names_its_subscription_where_stripe_keeps_it_now() -> None:
    parent = {"subscription_details": {"subscription": "sub_1"}}
    assert subscription_id_of("invoice", {"parent": parent}) == "sub_1"
    assert subscription_id_of("invoice", {"parent": None}) == ""
    assert subscription_id_of("checkout.session", {"subscription": "sub_1"}) == "sub_1"
    assert subscription_id_of("checkout.session", {"subscription": {"id": "sub_1"}}) == "sub_1"
    assert subscription_id_of("subscription", {"id": "sub_1"}) == "sub_1"


@given(st.floats(0, 100), st.floats(0, 100), st.integers(0, 30), st.integers(1, 60))
def test_time_never_makes_dunning_milder(first: float, second: float, grace: int, more: int) -> None:
    order = ("grace", "restricted", "suspended")
    dunning = Dunning(grace_days=grace, end_after_days=grace + more)
    earlier, later = (stage_of(timedelta(days=days), dunning) for days in sorted((first, second)))
    assert order.index(payment_of(earlier)) <= order.index(payment_of(later))
