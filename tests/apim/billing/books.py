"""The books of a shop: Stripe, the ledger and a gateway are asked, and must tell the same, to the minor unit."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import stripe
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.connection import require_connection
from apim.billing.credits.settling import OUR_TOP_UP
from apim.billing.models import Adjustment, Invoice, MeterWindow, OutgoingUsage, PlanChange
from apim.billing.reconciling import reconcile
from apim.products.models import PlanVersion
from tests.apim.billing.shop import OVER, Shop

LEAST, GRACE_DAYS = 7, 14  # of the plans: restricted from, suspended from
_MADE_BY_US = ("adjustment", "credit_note")  # of what moves a balance; invoices do the rest


def compare(shop: Shop) -> None:
    """Ledger = Stripe = gateway."""
    _compare_invoices(shop)
    _compare_given_back(shop)
    _compare_balances(shop)
    _compare_usage(shop)
    newest = Subscription.objects.filter(product=shop.product).with_names().order_by("created_at").last()
    if newest is not None:
        _compare_access(shop, newest)


def charges_of(client: stripe.StripeClient) -> tuple[list[Any], list[Any]]:
    """(of invoices, of top-ups) what was charged."""
    intents = client.v1.payment_intents.list({"limit": 100}).data
    top_ups = {each.id for each in intents if OUR_TOP_UP in each.metadata.to_dict()}
    found = [each for each in client.v1.charges.list({"limit": 100}).data if each.paid]
    return [each for each in found if each.payment_intent not in top_ups], [
        each for each in found if each.payment_intent in top_ups
    ]


def _compare_invoices(shop: Shop) -> None:
    found = [each for each in shop.client.v1.invoices.list({"limit": 100}).data if each.status != "draft"]
    theirs = {each.id: (each.status, each.total, each.amount_paid, each.amount_remaining, 0, "") for each in found}
    reconcile(require_connection())
    ours = {
        each.stripe_id: (
            each.status, each.total, each.amount_paid, each.amount_remaining,
            *((0, "") if each.status == "void" else (each.difference, each.note)),
        )
        for each in Invoice.objects.exclude(status="draft")
    }  # fmt: skip
    differing = [
        (ours.get(each), theirs.get(each)) for each in ours.keys() | theirs if ours.get(each) != theirs.get(each)
    ]
    assert differing == [], differing
    charged = sum(each.amount for each in charges_of(shop.client)[0])
    paid = sum(each[2] for each in ours.values())
    assert paid == charged, (paid, charged)


def _compare_given_back(shop: Shop) -> None:
    """Each credit note and each refund is a row of ours, and there is no other row."""
    rows = list(Adjustment.objects.all())
    unsettled = [(each.state, each.error) for each in rows if each.state == "pending"]
    assert unsettled == [], unsettled
    assert shop.is_by_hand or not [each.error for each in rows if each.state == "failed"]
    done = [each for each in rows if each.state == "done"]
    notes = {
        each.id: (each.total, each.out_of_band_amount or 0, sum(part.amount_refunded for part in each.refunds))
        for each in shop.client.v1.credit_notes.list({"limit": 100}).data
        if each.status == "issued"
    }
    ours = {
        each.stripe_id: (each.amount, each.outside_amount, each.refund_amount)
        for each in done
        if each.stripe_id.startswith("cn_")
    }
    assert ours == notes, (ours, notes)
    of_invoices = {each.payment_intent for each in charges_of(shop.client)[0]}
    refunds = [each for each in shop.client.v1.refunds.list({"limit": 100}).data if each.payment_intent in of_invoices]
    refunded = sum(each.amount for each in refunds if each.status not in ("failed", "canceled"))
    assert sum(each.refund_amount for each in done) == refunded, (done, refunded)


def _compare_balances(shop: Shop) -> None:
    for customer in shop.client.v1.customers.list({"limit": 100}).data:
        moved = shop.client.v1.customers.balance_transactions.list(customer.id, {"limit": 100}).data
        assert customer.balance == sum(each.amount for each in moved)
        by_us = -sum(each.amount for each in moved if each.type in _MADE_BY_US)
        ours = sum(each.credit_amount for each in Adjustment.objects.filter(state="done"))
        assert by_us == ours, (by_us, ours)


def _compare_usage(shop: Shop) -> None:
    unsent = list(OutgoingUsage.objects.exclude(state="sent").values_list("identifier", "state", "error"))
    assert unsent == [], unsent
    told = sum(OutgoingUsage.objects.values_list("quantity", flat=True))
    windows = MeterWindow.objects.filter(subscription__product=shop.product)
    counted = sum(windows.values_list("quantity", flat=True))
    # Calls before a plan with a price began are told with their hour, in a period that Stripe charges nothing of.
    least = sum(shop.made.values())
    assert least <= counted == told <= least + shop.unpriced, (counted, told, shop.made, shop.unpriced)
    mode = shop.state.modes[False]
    with shop.state.lock:
        events = list(mode.objects.get("billing.meter_event", {}).values())
    taken = sum(int(each["payload"]["value"]) for each in events)
    assert taken == told, (taken, told)


def _compare_access(shop: Shop, subscription: Subscription) -> None:
    """Who may call, under which plan, and which plan follows."""
    verdict = shop.verdict()
    bought = _bought(shop, subscription)
    found, wanted = (verdict.code, verdict.is_restricted), _wanted(shop, subscription, bought)
    assert found == wanted, (found, wanted, verdict)
    if bought is None or bought["status"] in (*OVER, "paused", "incomplete"):
        return
    plan = _plan_of(bought["items"]["data"])
    assert subscription.plan_version.plan.name == plan, (subscription.plan_version, plan)
    assert verdict.plan == subscription.plan_version_id, (verdict, plan)
    change = PlanChange.objects.filter(subscription=subscription).select_related("to_version__plan").first()
    ours = (change.kind, change.to_version.plan.name) if change else None
    assert ours == _coming(shop, bought), (ours, bought)


def _bought(shop: Shop, subscription: Subscription) -> dict[str, Any] | None:
    found = shop.client.v1.subscriptions.list({"status": "all", "limit": 100}).data
    mine = [each.to_dict() for each in found if each.metadata.to_dict().get("apim_subscription") == subscription.id]
    if not mine:
        return None
    (bought,) = mine
    return bought


def _wanted(shop: Shop, subscription: Subscription, bought: dict[str, Any] | None) -> tuple[str, bool]:
    """What Stripe's objects alone say of the subscription: (code of the refusal, restricted)."""
    if bought is None:
        if subscription.is_live and not subscription.plan_version.is_priced:
            return "", False
        return ("subscription-pending" if subscription.is_live else "subscription-inactive"), False
    if bought["status"] in (*OVER, "paused"):
        return "subscription-inactive", False
    invoices = shop.client.v1.invoices.list({"subscription": bought["id"], "status": "open"}).data
    waits = bought["latest_invoice"] if bought.get("pending_update") else ""  # no debt: the old plan goes on
    due = [
        each.status_transitions.finalized_at
        for each in invoices
        if each.attempted and each.amount_remaining and each.id != waits
    ]
    if not due:
        return "", False
    days = (timezone.now().timestamp() - min(at for at in due if at)) / 86_400
    return ("payment-required", False) if days >= GRACE_DAYS else ("", days >= LEAST)


def _coming(shop: Shop, bought: dict[str, Any]) -> tuple[str, str] | None:
    """(how, plan) of what Stripe has next."""
    if pending := bought.get("pending_update"):
        return "awaits-payment", _plan_of(pending["subscription_items"])
    if bought.get("schedule"):
        schedule = shop.client.v1.subscription_schedules.retrieve(bought["schedule"]).to_dict()
        later = [each for each in schedule["phases"] if each["start_date"] > timezone.now().timestamp()]
        if later:
            prices = [shop.client.v1.prices.retrieve(each["price"]).to_dict() for each in later[0]["items"]]
            return "scheduled", _plan_of([{"price": each} for each in prices])
    follower = bought["metadata"].get("apim_next_plan_version")
    if follower and bought.get("cancel_at"):
        return "scheduled", PlanVersion.objects.get(id=follower).plan.name
    return None


def _plan_of(items: list[dict[str, Any]]) -> str:
    plans: defaultdict[str, int] = defaultdict(int)
    for each in items:
        plans[each["price"]["lookup_key"].split(":")[1]] += 1
    (plan,) = plans
    return plan
