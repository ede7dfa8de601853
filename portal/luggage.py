"""What comes along with an application, in sentences: for who offers it, and for who takes it.

Owns: the words. Must not know: how it moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apim.access.arrivals import Arrival, Fate, Obstacle
from apim.access.services import blocked_by, mended_by
from portal.words import terms_headline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apim.access.models import Subscription


@dataclass(frozen=True, slots=True)
class Line:
    """One subscription. Shapes: price is of the plan under which calls go on; is_blocking = it must be mended first."""

    subscription: Subscription
    under: Subscription
    price: str
    sentence: str
    money: str
    is_blocking: bool


def lines_for_taker(arrivals: Iterable[Arrival]) -> list[Line]:
    """What each subscription means for the organization that takes the application."""
    return [_line(each, *_taken(each)) for each in arrivals]


def lines_for_giver(arrivals: Iterable[Arrival]) -> list[Line]:
    """What each subscription means for the organization that gives the application away."""
    return [_line(each, *_given(each)) for each in arrivals]


def _line(arrival: Arrival, sentence: str, money: str) -> Line:
    under = arrival.own if arrival.fate == Fate.JOINS and arrival.own else arrival.subscription
    price = terms_headline(under.plan_version.terms)
    return Line(arrival.subscription, under, price, sentence, money, is_blocking=arrival.fate == Fate.WAITS)


def _taken(arrival: Arrival) -> tuple[str, str]:
    if arrival.fate == Fate.FOLLOWS:
        state = _("A subscription with the same plan begins for you.")
        if arrival.subscription.lifecycle == "paused":
            state = _("A subscription with the same plan begins for you, paused as this one is.")
        return state, _("It costs nothing; its quota starts anew.")
    if arrival.fate == Fate.JOINS and arrival.own is not None:
        sentence = _("It goes on under the subscription that you have, with the plan %(plan)s.")
        is_priced = arrival.own.plan_version.is_priced
        money = _("Its calls are on your invoice from then on.") if is_priced else _("Its calls count in your quota.")
        return sentence % {"plan": arrival.own.plan_version.plan}, money
    if arrival.fate == Fate.STAYS:
        return _("It was asked for and never granted: it does not come along."), _("Subscribe anew if you need it.")
    return blocked_by(arrival), mended_by(arrival)


def _given(arrival: Arrival) -> tuple[str, str]:
    if arrival.fate == Fate.STAYS:
        return _("It is not granted yet: it does not go along."), _("The request stays yours.")
    if arrival.fate == Fate.FOLLOWS:
        sentence = _("A subscription with the same plan begins for them.")
        return sentence, _("Yours stays for your other applications. It costs nothing.")
    if arrival.obstacle == Obstacle.PAID:
        sentence = _("You pay for it, so it stays yours. They can accept once they have a subscription of their own.")
        return sentence, _("It goes on costing you until you cancel it.")
    sentence = _("Its owner decides about each subscriber. They can accept once theirs is approved.")
    return sentence, _("Yours stays for your other applications.")
