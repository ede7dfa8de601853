"""Words: what a plan costs, as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from apim.pricing.money import from_minor, money_text
from apim.pricing.parts import Flat, Graduated, Package, Part, Prepaid, Setup, Tier, Unit, Volume
from apim.pricing.settling import smallest_step
from apim.pricing.terms import Terms

_AT_MOST = {
    "block": "calls are blocked there",
    "throttle": "calls pass at a quarter of the rate there",
    "allow": "calls go on there",
}
_ARTICLES = {"day": "a day", "week": "a week", "month": "a month", "year": "a year"}


def headline(terms: Terms) -> str:
    """The price in a few words: `Free`, `29.00 EUR a month`, `from 29.00 EUR a month`, `Pay as you go`."""
    if not terms.is_priced:
        return "Free"
    if terms.prepaid:
        return f"Credits from {amount_words(terms.prepaid.amount, terms.currency)}"
    if not terms.recurring:
        return "Pay as you go"
    price = f"{amount_words(terms.recurring, terms.currency)} {_ARTICLES[terms.interval]}"
    metered = any(_can_cost(part) for part in terms.prices)
    return f"from {price}" if metered else price


def sentences(terms: Terms) -> list[str]:
    """Each thing that the plan charges for or promises about money, a sentence each; none for a free plan."""
    found = [sentence for part in terms.prices for sentence in _part_sentences(part, terms)]
    found += [_limit_sentence(terms, limit.meter) for limit in terms.limits]
    if terms.minimum_spend:
        found.append(f"At least {amount_words(terms.minimum_spend, terms.currency)} {_ARTICLES[terms.interval]}")
    if terms.maximum_spend:
        most = amount_words(terms.maximum_spend.amount, terms.currency)
        found.append(f"Never more than {most} {_ARTICLES[terms.interval]}; {_AT_MOST[terms.maximum_spend.then]}")
    if terms.trial:
        card = "with a card" if terms.trial.payment_method == "required" else "without a card"
        found.append(f"The first {terms.trial.days} days are free, {card}")
    if terms.is_priced and smallest_step(terms.currency) > 1:
        step = amount_words(from_minor(smallest_step(terms.currency), terms.currency), terms.currency)
        found.append(f"Each line of an invoice is rounded to {step}, for cards carry two decimals")
    return [sentence for sentence in found if sentence]


def amount_words(amount: Decimal, currency: str) -> str:
    """The amount with its currency: `1,234.50 EUR`."""
    whole, point, fraction = money_text(amount, currency).partition(".")
    return f"{int(whole):,}{point}{fraction} {currency}" if whole.lstrip("-").isdigit() else f"{amount} {currency}"


def _part_sentences(part: Part, terms: Terms) -> Iterator[str]:
    currency = terms.currency
    match part:
        case Flat():
            when = "in advance" if part.term == "advance" else "at the end"
            yield f"{amount_words(part.amount, currency)} {_ARTICLES[terms.interval]}, {when}"
        case Setup():
            yield f"{amount_words(part.amount, currency)} once, at the beginning"
        case Prepaid():
            until = f"; they end after {part.expires_after_days} days" if part.expires_after_days else ""
            offers = " or ".join(amount_words(each, currency) for each in part.offers)
            yield f"Credits, {offers} a top-up{until}"
            if part.included:
                yield f"Credits of {amount_words(part.included, currency)} included {_ARTICLES[terms.interval]}"
            if part.below is not None:
                yield f"A top-up can be bought by itself when less than {amount_words(part.below, currency)} is left"
        case Unit():
            yield f"{amount_words(part.unit, currency)} for each {part.meter}{_above(terms, part.meter)}"
        case Package():
            price = amount_words(part.amount, currency)
            yield f"{price} for each begun {part.size:,} of {part.meter}{_above(terms, part.meter)}"
        case Graduated() | Volume():
            yield f"{part.meter}: {'; '.join(_tier_words(part.tiers, currency))}{_volume_words(part)}"
    if getattr(part, "minimum", None):
        yield f"{part.name}: at least {amount_words(part.minimum, currency)} {_ARTICLES[terms.interval]}"  # type: ignore[union-attr]


def _tier_words(tiers: tuple[Tier, ...], currency: str) -> Iterator[str]:
    below = 0
    for tier in tiers:
        price = f"{amount_words(tier.unit, currency)} each" if tier.unit else "included"
        price += f" and {amount_words(tier.flat, currency)}" if tier.flat else ""
        if tier.up_to is not None:
            yield f"up to {tier.up_to:,} {price}"
        else:
            yield f"{price} above {below:,}" if below else price
        below = tier.up_to or below


def _volume_words(part: Graduated | Volume) -> str:
    return "; the price of the last one holds for all" if isinstance(part, Volume) else ""


def _above(terms: Terms, meter: str) -> str:
    limit = terms.limit_of(meter)
    return f" above {limit.included:,}" if limit and limit.included else ""


def _limit_sentence(terms: Terms, meter: str) -> str:
    limit = terms.limit_of(meter)
    if limit is None:
        return ""
    words = f"{limit.included:,} {meter} included" if limit.included and not _tiers_say(terms, meter) else ""
    if limit.on_exceed == "block" and limit.included:
        words = f"{limit.included:,} {meter} included; calls are blocked above"
    if limit.hard_cap is not None:
        words = f"{words}, {limit.hard_cap:,} at most" if words else f"{limit.hard_cap:,} {meter} at most"
    return words


def _tiers_say(terms: Terms, meter: str) -> bool:
    """True when the tiers of the meter's price say already what is included."""
    return any(isinstance(part, Graduated | Volume) and part.meter == meter for part in terms.prices)


def _can_cost(part: Part) -> bool:
    match part:
        case Unit():
            return bool(part.unit)
        case Package():
            return bool(part.amount)
        case Graduated() | Volume():
            return any(tier.unit or tier.flat for tier in part.tiers)
    return False
