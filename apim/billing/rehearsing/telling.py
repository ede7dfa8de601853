"""Telling: what Stripe and the ledger say of a rehearsal's customer, in sentences."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from apim.access.models import Subscription
from apim.billing.driver import Object
from apim.billing.folding import at
from apim.billing.models import Adjustment, BillingSubscription, Invoice, MeterWindow, OutgoingUsage
from apim.billing.rehearsing.walk import StepFailed, Walk
from apim.pricing.money import from_minor, money_text

_SHOWN = 1  # the newest invoice: what came before it stands beside earlier steps


def tell(walk: Walk, *, lifecycle: str, payment: str) -> None:
    """Keep in the step what Stripe and the ledger say now. Errors: DriverFailed; StepFailed where ours is otherwise."""
    walk.step.test_time = walk.now()
    walk.step.stripe_said = [*_of_stripe(walk), *walk.step.stripe_said]
    subscription = walk.subscription
    walk.step.ledger_said = [*_of_ledger(walk, subscription), *walk.step.ledger_said]
    walk.step.save(update_fields=["test_time", "stripe_said", "ledger_said"])
    if (subscription.lifecycle, subscription.payment) != (lifecycle, payment):
        raise StepFailed(
            f"The subscription is {subscription.lifecycle} with payment {subscription.payment}; it should be "
            f"{lifecycle} with payment {payment}. {_usual_reason(walk)}".strip()
        )


def _of_stripe(walk: Walk) -> list[str]:
    if not walk.rehearsal.stripe_id:
        return [f"The customer {walk.rehearsal.customer_id} has bought nothing."]
    found = walk.connection.driver.find("subscription", walk.rehearsal.stripe_id)
    told = [f"{found['id']} is {found['status']}{_until(found)}."]
    if found.get("cancel_at_period_end"):
        told.append("It ends with its period.")
    invoices = walk.connection.driver.list("invoice", {"subscription": walk.rehearsal.stripe_id})
    told += [_invoice_of_stripe(each) for each, _ in zip(invoices, range(_SHOWN), strict=False)]
    return told


def _until(found: Object) -> str:
    end = at(found.get("trial_end")) if found["status"] == "trialing" else None
    return f" until {end:%Y-%m-%d %H:%M} UTC" if end else ""


def _invoice_of_stripe(found: Object) -> str:
    name, currency = found.get("number") or found["id"], found["currency"].upper()
    told = f"Invoice {name} of {_money(found['total'], currency)} is {found['status']}"
    attempts = found.get("attempt_count") or 0
    if found["status"] == "open" and attempts:
        told += f" after {attempts} failed attempt{'s' if attempts != 1 else ''}"
    if credited := found.get("post_payment_credit_notes_amount"):
        told += f", {_money(credited, currency)} of it was credited"
    return f"{told}."


def _of_ledger(walk: Walk, subscription: Subscription) -> list[str]:
    told = [f"Lifecycle {subscription.lifecycle}, payment {subscription.payment}."]
    mirror = BillingSubscription.objects.filter(subscription=subscription).first()
    if mirror is not None and mirror.unpaid_since is not None:
        told.append(f"Unpaid since {_moment(mirror.unpaid_since)}.")
    told += [_invoice_of_ours(each) for each in Invoice.objects.filter(subscription=subscription)[:_SHOWN]]
    given = Adjustment.objects.filter(organization=walk.rehearsal.organization_id)
    return told + [f"{_money(row.amount, row.currency)} given back: {row.state}." for row in given]


def _invoice_of_ours(invoice: Invoice) -> str:
    told = f"Invoice {invoice}: {invoice.status}"
    if invoice.local_subtotal is None:
        return f"{told}, not rated here."
    ours = _money(invoice.local_subtotal, invoice.currency)
    if not invoice.difference:
        return f"{told}, our rating comes to the same {ours}."
    return f"{told}, our rating comes to {ours}: a difference of {_money(invoice.difference, invoice.currency)}."


def tell_usage(walk: Walk) -> dict[str, int]:
    """What each meter has counted here, kept in the step beside what Stripe's meters say."""
    counted: dict[str, int] = {}
    for window in MeterWindow.objects.filter(subscription_id=walk.rehearsal.subscription_ref):
        counted[window.meter] = counted.get(window.meter, 0) + window.quantity
    parts = OutgoingUsage.objects.filter(window__subscription_id=walk.rehearsal.subscription_ref)
    for meter, quantity in sorted(counted.items()):
        sent = sum(part.quantity for part in parts.filter(window__meter=meter, state=OutgoingUsage.State.SENT))
        walk.step.ledger_said = [*walk.step.ledger_said, f"{meter}: {quantity:,} counted, {sent:,} told to Stripe."]
    for part in parts.filter(state=OutgoingUsage.State.DEAD):
        raise StepFailed(f"Stripe refused usage of {part.window.meter}: {part.error}")
    return counted


def _usual_reason(walk: Walk) -> str:
    """What most often lies behind a state that was not expected."""
    status = walk.connection.driver.find("subscription", walk.rehearsal.stripe_id)["status"]
    if status == "canceled":
        return (
            "Stripe has cancelled the subscription itself: at Stripe, under Billing > Revenue recovery, choose that "
            "subscriptions stay past due when all retries have failed."
        )
    return ""


def _money(minor: int, currency: str) -> str:
    return f"{money_text(from_minor(minor, currency), currency)} {currency}"


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def quantity_beyond(included: Decimal) -> int:
    """A usage that is a tenth above what is included, by ten units at least."""
    return int(included + max(Decimal(10), included // 10))
