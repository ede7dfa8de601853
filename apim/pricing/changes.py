"""Changes: what of a begun period is given back when a plan changes."""

from __future__ import annotations

from decimal import Decimal, localcontext

from apim.pricing.money import EXACT, round_money
from apim.pricing.parts import Flat
from apim.pricing.terms import Terms

_ONE = Decimal(1)


def credit_for_rest(terms: Terms, *, time_share: Decimal, quota_share: Decimal = Decimal(0)) -> Decimal:
    """What a customer gets back of the flat prices paid in advance, by the plan's `change.proration`.

    Shapes: time_share and quota_share = how much of the period, and of what it includes, is used up: 0 to 1.
    """
    if terms.change.proration == "none":
        return round_money(Decimal(0), terms.currency)
    used = max(time_share, quota_share) if terms.change.proration == "max-consumption" else time_share
    paid = sum((part.amount for part in terms.prices if isinstance(part, Flat) and part.term == "advance"), Decimal(0))
    with localcontext(EXACT):
        return round_money(paid * (_ONE - min(max(used, Decimal(0)), _ONE)), terms.currency)
