"""What comes along with an application that goes to another organization: pure."""

from __future__ import annotations

from itertools import product as pairs

from apim.access.arrivals import Fate, Terms, fate_of

LIFECYCLES = ("pending", "active", "paused", "canceled")
EVERYTHING = [
    Terms(lifecycle, is_paid, is_manual, is_open, own, is_suspended)
    for lifecycle, is_paid, is_manual, is_open, own, is_suspended in pairs(
        LIFECYCLES, (False, True), (False, True), (False, True), ("", *LIFECYCLES), (False, True)
    )
]


def test_nothing_that_costs_or_needs_a_decision_ever_begins_for_who_did_not_ask() -> None:
    for terms in EVERYTHING:
        fate, _ = fate_of(terms)
        if fate == Fate.FOLLOWS:
            assert terms == Terms(terms.lifecycle, is_own_suspended=terms.is_own_suspended)


def test_what_joins_goes_to_a_subscription_that_lets_calls_pass() -> None:
    for terms in EVERYTHING:
        fate, _ = fate_of(terms)
        if fate == Fate.JOINS:
            assert terms.own_lifecycle in {"active", "canceled"}
            assert not terms.is_own_suspended


def test_only_what_waits_has_an_obstacle_and_only_what_was_never_granted_stays() -> None:
    for terms in EVERYTHING:
        fate, obstacle = fate_of(terms)
        assert (fate == Fate.WAITS) == (obstacle is not None)
        assert (fate == Fate.STAYS) == (terms.lifecycle == "pending")
