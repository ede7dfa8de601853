"""Which subscription a call belongs to, and why a key may not call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway_sync.runtime.core.access import Record, Verdict, find_verdict

_NOW_S = 1_000
_NAMES, _WILDCARD, _WHOLE = 0, 1, 2


class Table:
    """Access records as a dictionary."""

    def __init__(self, subscriptions: Mapping[str, Record], **credential: object) -> None:
        self._subscriptions = dict(subscriptions)
        self._records: dict[tuple[str, str], Record] = {
            ("credential", "hash"): {
                "id": "crd_1",
                "application": "app_1",
                "organization": "org_1",
                "product": "",
                "state": "active",
                "expires_at": 0,
            }
            | credential,
            ("application", "app_1"): {"organization": "org_1", "state": "active", "name": "shop"},
            ("organization", "org_1"): {"state": "active"},
        }

    def find(self, kind: str, key: str) -> Record | None:
        """The record of this kind and key."""
        return self._records.get((kind, key))

    def subscriptions_of(self, application: str) -> list[tuple[str, Record]]:
        """Those that list the application."""
        return [(key, body) for key, body in self._subscriptions.items() if application in body["applications"]]


def body(product: str, **changes: object) -> dict[str, Any]:
    """An active subscription's record."""
    return {
        "organization": "org_1",
        "product": product,
        "plan": f"plan of {product}",
        "lifecycle": "active",
        "payment": "none",
        "applications": ["app_1"],
        "created_at": 10,
        "ends_at": 0,
    } | changes


def verdict_on(subscriptions: Mapping[str, Record], *products: tuple[str, int], **credential: object) -> Verdict:
    return find_verdict(Table(subscriptions, **credential), "hash", products, _NOW_S)


def test_the_subscription_whose_product_names_the_operation_wins_over_an_older_one() -> None:
    held = {"sub_old": body("prd_all", created_at=1), "sub_new": body("prd_named", created_at=9)}
    verdict = verdict_on(held, ("prd_named", _NAMES), ("prd_all", _WHOLE))
    assert (verdict.code, verdict.subscription, verdict.plan) == ("", "sub_new", "plan of prd_named")


def test_of_products_that_mean_the_operation_equally_the_oldest_subscription_wins() -> None:
    held = {"sub_new": body("prd_1", created_at=9), "sub_old": body("prd_2", created_at=1)}
    for rank in (_NAMES, _WILDCARD, _WHOLE):
        verdict = verdict_on(held, ("prd_1", rank), ("prd_2", rank))
        assert (verdict.code, verdict.subscription, verdict.product) == ("", "sub_old", "prd_2")


def test_a_key_restricted_to_a_product_never_uses_another_subscription() -> None:
    held = {"sub_1": body("prd_1"), "sub_2": body("prd_2")}
    products = (("prd_1", _NAMES), ("prd_2", _WHOLE))
    assert verdict_on(held, *products, product="prd_2").subscription == "sub_2"
    assert verdict_on(held, *products, product="prd_3").code == "no-subscription"


def test_a_subscription_that_may_not_be_used_yields_to_one_that_may() -> None:
    held = {"sub_1": body("prd_1", lifecycle="paused"), "sub_2": body("prd_2", created_at=99)}
    products = (("prd_1", _NAMES), ("prd_2", _WHOLE))
    assert verdict_on(held, *products).subscription == "sub_2"
    assert verdict_on({"sub_1": held["sub_1"]}, *products).code == "subscription-inactive"


def test_lifecycle_and_payment_each_decide_by_themselves() -> None:
    def code(**changes: object) -> str:
        return verdict_on({"sub_1": body("prd_1", **changes)}, ("prd_1", _WHOLE)).code

    assert code(lifecycle="pending") == "subscription-pending"
    assert code(lifecycle="paused") == "subscription-inactive"
    assert code(lifecycle="canceled", ends_at=_NOW_S + 1) == ""
    assert code(lifecycle="canceled", ends_at=_NOW_S) == "subscription-inactive"
    assert code(lifecycle="ended") == code(lifecycle="rejected") == "subscription-inactive"
    assert code(lifecycle="of a later format") == "no-subscription"
    assert [code(payment=payment) for payment in ("none", "ok", "grace", "restricted")] == [""] * 4
    assert code(payment="suspended") == "payment-required"
    assert code(payment="suspended", lifecycle="pending") == "subscription-pending"
    assert code(payment="suspended", lifecycle="paused") == "subscription-inactive"
    assert code(payment="ok", credits="exhausted") == "credits-exhausted"
    assert code(payment="suspended", credits="exhausted") == "payment-required"


def test_a_subscription_that_is_over_says_why_only_where_no_other_stands() -> None:
    over = body("prd_1", lifecycle="ended", created_at=1, reason="Not paid for 45 days.")
    alone = verdict_on({"sub_1": over}, ("prd_1", _WHOLE))
    assert (alone.code, alone.detail, alone.action) == ("subscription-inactive", "Not paid for 45 days.", "subscribe")
    beside = verdict_on({"sub_1": over, "sub_2": body("prd_1", lifecycle="pending")}, ("prd_1", _WHOLE))
    assert (beside.code, beside.subscription) == ("subscription-pending", "sub_2")
    assert verdict_on({"sub_1": over, "sub_2": body("prd_1")}, ("prd_1", _WHOLE)).subscription == "sub_2"


def test_a_refusal_names_the_one_thing_to_do_about_it() -> None:
    def action(**changes: object) -> str:
        return verdict_on({"sub_1": body("prd_1", **changes)}, ("prd_1", _WHOLE)).action

    assert action(payment="suspended") == "pay"
    assert action(lifecycle="pending", awaits="payment") == "pay"
    assert action(lifecycle="pending") == ""
    assert action(lifecycle="paused") == "resume"
    assert action(credits="exhausted") == "top-up"
    assert action() == ""


def test_who_is_restricted_passes_and_is_marked() -> None:
    def is_restricted(payment: str) -> bool:
        return verdict_on({"sub_1": body("prd_1", payment=payment)}, ("prd_1", _WHOLE)).is_restricted

    states = ("none", "ok", "grace", "restricted")
    assert [is_restricted(payment) for payment in states] == [False, False, False, True]


def test_who_has_spent_the_most_waits_for_the_next_period_or_passes_slowly() -> None:
    capped = verdict_on({"sub_1": body("bank", capped=_NOW_S + 60)}, ("bank", _WHOLE))
    assert (capped.code, capped.action, capped.valid_until_s) == ("quota-exceeded", "upgrade", _NOW_S + 60)
    assert not verdict_on({"sub_1": body("bank", capped=_NOW_S)}, ("bank", _WHOLE)).code  # the next period has begun
    slow = verdict_on({"sub_1": body("bank", throttled=True)}, ("bank", _WHOLE))
    assert (slow.code, slow.is_restricted) == ("", True)


def test_a_verdict_ends_with_whatever_ends_first() -> None:
    held = {"sub_1": body("prd_1", lifecycle="canceled", ends_at=_NOW_S + 50)}
    assert verdict_on(held, ("prd_1", _WHOLE), expires_at=_NOW_S + 90).valid_until_s == _NOW_S + 50
    assert verdict_on(held, ("prd_1", _WHOLE), expires_at=_NOW_S + 20).valid_until_s == _NOW_S + 20


def test_the_old_key_of_an_overlap_works_and_a_dead_or_suspended_one_does_not() -> None:
    held = {"sub_1": body("prd_1")}
    assert verdict_on(held, ("prd_1", _WHOLE), state="rolling", expires_at=_NOW_S + 1).code == ""
    assert verdict_on(held, ("prd_1", _WHOLE), state="rolling", expires_at=_NOW_S).code == "unauthenticated"
    assert verdict_on(held, ("prd_1", _WHOLE), state="suspended").code == "forbidden"
    assert find_verdict(Table(held), "another", (("prd_1", _WHOLE),), _NOW_S).code == "unauthenticated"
