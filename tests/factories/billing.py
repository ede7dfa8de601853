"""Invoices as Stripe made them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apim.access.models import Subscription
from apim.billing.models import BillingSubscription, CatalogueEntry, Invoice
from apim.billing.revenue_figures import monthly
from apim.products.models import Plan


def sold(subscription: Subscription, *, plan: Plan, at: datetime, number: int = 1, **fields: Any) -> Invoice:
    """An invoice of a month's flat price in advance, and of so much usage before, in minor units."""
    usage = fields.pop("usage", 0)
    currency = fields.setdefault("currency", "EUR")
    version = plan.versions.get(number=number)
    flat = monthly(version.terms)
    parts = {part.name: part for part in version.terms.prices}
    lines = []
    for name, amount in (("base", int(flat * (1 if currency == "JPY" else 100))), ("calls", usage)):
        price = f"price_{plan.name}_{number}_{name}"
        key = f"{subscription.product.name}:{plan.name}:v{number}:{name}:{currency}"
        CatalogueEntry.objects.get_or_create(mode="test", kind="price", lookup_key=key, defaults={"stripe_id": price})
        if name in parts:
            start, end = int(at.timestamp()), int((at + timedelta(days=30)).timestamp())
            lines.append({"price": price, "amount": amount, "period_start": start, "period_end": end, "name": name})
    BillingSubscription.objects.get_or_create(
        subscription=subscription, defaults={"mode": "test", "stripe_id": f"sub_{subscription.id}", "status": "active"}
    )
    total = sum(line["amount"] for line in lines) + fields.pop("strange", 0)
    if total > sum(line["amount"] for line in lines):
        lines.append({"price": "", "amount": total - sum(line["amount"] for line in lines), "name": "by hand"})
    values = {"status": "paid", "subtotal": total, "total": total, "amount_paid": total, "amount_remaining": 0} | fields
    made: Invoice = Invoice.objects.create(
        stripe_id=f"in_{Invoice.objects.count()}", mode="test", organization=subscription.organization,
        subscription=subscription, lines=lines, period_start=at, period_end=at, created_at=at, **values,
    )  # fmt: skip
    return made
