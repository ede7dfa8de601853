"""Prices: what a plan costs, as people read it, in their language."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apim.listing import clauses
from apim.pricing.money import from_minor
from apim.pricing.parts import Flat, Graduated, Package, Part, Prepaid, Setup, Tier, Unit, Volume
from apim.pricing.settling import smallest_step
from apim.pricing.words import amount_words

if TYPE_CHECKING:
    from apim.pricing.clauses import MeterLimit
    from apim.pricing.terms import Terms

_PERIODS = {
    "day": gettext_lazy("%(amount)s a day"),
    "week": gettext_lazy("%(amount)s a week"),
    "month": gettext_lazy("%(amount)s a month"),
    "year": gettext_lazy("%(amount)s a year"),
}
_AT_MOST = {
    "block": gettext_lazy("Never more than %(price)s; calls are blocked there"),
    "throttle": gettext_lazy("Never more than %(price)s; calls pass at a quarter of the rate there"),
    "allow": gettext_lazy("Never more than %(price)s; calls go on there"),
}

_INCLUDED = {
    "day": gettext_lazy("Credits of %(amount)s included a day"),
    "week": gettext_lazy("Credits of %(amount)s included a week"),
    "month": gettext_lazy("Credits of %(amount)s included a month"),
    "year": gettext_lazy("Credits of %(amount)s included a year"),
}


def a_period(amount: str, interval: str) -> str:
    """So much in each interval: `29.00 EUR a month`."""
    return _PERIODS[interval] % {"amount": amount}


def headline(terms: Terms) -> str:
    """The price in a few words: `Free`, `29.00 EUR a month`, `from 29.00 EUR a month`, `Pay as you go`."""
    if not terms.is_priced:
        return _("Free")
    if terms.prepaid:
        return _("Credits from %(amount)s") % {"amount": amount_words(terms.prepaid.amount, terms.currency)}
    if not terms.recurring:
        return _("Pay as you go")
    price = _price(terms.recurring, terms)
    return _("from %(price)s") % {"price": price} if any(_can_cost(part) for part in terms.prices) else price


def sentences(terms: Terms) -> list[str]:
    """Each thing that the plan charges for or promises about money, a sentence each; none for a free plan."""
    found = [sentence for part in terms.prices for sentence in _part_sentences(part, terms)]
    found += [_limit_sentence(terms, limit) for limit in terms.limits]
    if terms.minimum_spend:
        found.append(_("At least %(price)s") % {"price": _price(terms.minimum_spend, terms)})
    if terms.maximum_spend:
        found.append(_AT_MOST[terms.maximum_spend.then] % {"price": _price(terms.maximum_spend.amount, terms)})
    if terms.trial:
        found.append(_trial_sentence(terms.trial.days, needs_card=terms.trial.payment_method == "required"))
    if terms.is_priced and smallest_step(terms.currency) > 1:
        step = amount_words(from_minor(smallest_step(terms.currency), terms.currency), terms.currency)
        found.append(_("Each line of an invoice is rounded to %(step)s, for cards carry two decimals") % {"step": step})
    return [sentence for sentence in found if sentence]


def _price(amount: Decimal, terms: Terms) -> str:
    return a_period(amount_words(amount, terms.currency), terms.interval)


def _trial_sentence(days: int, *, needs_card: bool) -> str:
    if needs_card:
        words = ngettext(
            "The first %(days)d days are free, with a card", "The first %(days)d days are free, with a card", days
        )
    else:
        words = ngettext(
            "The first %(days)d days are free, without a card", "The first %(days)d days are free, without a card", days
        )
    return words % {"days": days}


def _part_sentences(part: Part, terms: Terms) -> Iterator[str]:
    currency = terms.currency
    match part:
        case Flat():
            words = _("%(price)s, in advance") if part.term == "advance" else _("%(price)s, at the end")
            yield words % {"price": _price(part.amount, terms)}
        case Setup():
            yield _("%(amount)s once, at the beginning") % {"amount": amount_words(part.amount, currency)}
        case Prepaid():
            yield from _prepaid_sentences(part, terms)
        case Unit():
            price = {"price": amount_words(part.unit, currency), "meter": part.meter}
            yield _above(_("%(price)s for each %(meter)s") % price, terms, part.meter)
        case Package():
            price = {"price": amount_words(part.amount, currency), "size": f"{part.size:,}", "meter": part.meter}
            yield _above(_("%(price)s for each begun %(size)s of %(meter)s") % price, terms, part.meter)
        case Graduated() | Volume():
            yield _tiers_sentence(part, currency)
    if minimum := getattr(part, "minimum", None):
        yield _("%(name)s: at least %(price)s") % {"name": part.name, "price": _price(minimum, terms)}


def _prepaid_sentences(part: Prepaid, terms: Terms) -> Iterator[str]:
    offers = reduce(_either, (amount_words(each, terms.currency) for each in part.offers))
    if part.expires_after_days:
        words = ngettext(
            "Credits, %(offers)s a top-up; they end after %(days)d days",
            "Credits, %(offers)s a top-up; they end after %(days)d days",
            part.expires_after_days,
        )
        yield words % {"offers": offers, "days": part.expires_after_days}
    else:
        yield _("Credits, %(offers)s a top-up") % {"offers": offers}
    if part.included:
        yield _INCLUDED[terms.interval] % {"amount": amount_words(part.included, terms.currency)}
    if part.below is not None:
        left = amount_words(part.below, terms.currency)
        yield _("A top-up can be bought by itself when less than %(amount)s is left") % {"amount": left}


def _either(first: str, second: str) -> str:
    return _("%(first)s or %(second)s") % {"first": first, "second": second}


def _tiers_sentence(part: Graduated | Volume, currency: str) -> str:
    told = {"meter": part.meter, "tiers": clauses(_tier_words(part.tiers, currency))}
    if isinstance(part, Volume):
        return _("%(meter)s: %(tiers)s; the price of the last one holds for all") % told
    return _("%(meter)s: %(tiers)s") % told


def _tier_words(tiers: tuple[Tier, ...], currency: str) -> Iterator[str]:
    below = 0
    for tier in tiers:
        price = _("%(price)s each") % {"price": amount_words(tier.unit, currency)} if tier.unit else _("included")
        if tier.flat:
            price = _("%(price)s and %(amount)s") % {"price": price, "amount": amount_words(tier.flat, currency)}
        if tier.up_to is not None:
            yield _("up to %(bound)s %(price)s") % {"bound": f"{tier.up_to:,}", "price": price}
        else:
            yield _("%(price)s above %(bound)s") % {"price": price, "bound": f"{below:,}"} if below else price
        below = tier.up_to or below


def _above(price: str, terms: Terms, meter: str) -> str:
    limit = terms.limit_of(meter)
    if not limit or not limit.included:
        return price
    return _("%(price)s above %(bound)s") % {"price": price, "bound": f"{limit.included:,}"}


def _limit_sentence(terms: Terms, limit: MeterLimit) -> str:
    included, most = f"{limit.included:,}" if limit.included else "", limit.hard_cap
    told = {"included": included, "meter": limit.meter, "most": "" if most is None else f"{most:,}"}
    is_blocked = limit.on_exceed == "block" and bool(limit.included)
    is_told = bool(limit.included) and not _tiers_say(terms, limit.meter)
    if is_blocked and most is not None:
        return _("%(included)s %(meter)s included; calls are blocked above, %(most)s at most") % told
    if is_blocked:
        return _("%(included)s %(meter)s included; calls are blocked above") % told
    if is_told and most is not None:
        return _("%(included)s %(meter)s included, %(most)s at most") % told
    if is_told:
        return _("%(included)s %(meter)s included") % told
    return _("%(most)s %(meter)s at most") % told if most is not None else ""


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
