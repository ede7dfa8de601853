"""A shop whose payer, Stripe, network and time do whatever they are told, and which must agree in the end."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import time_machine
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from apim.billing.models import PlanChange
from apim.catalog.models import APIVersion
from apim.pricing.money import to_minor
from apim.products.limits import Terms
from apim.products.models import Plan
from apim.products.services import archive_plan
from tests.apim.billing.books import compare
from tests.apim.billing.shop import Shop
from tests.apim.billing.wallet import Wallet
from tests.factories import access, products
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, GOOD_CARD, Stripe
from tests.stripe_server.server import Server
from tests.switching import AT_ONCE

START = datetime(2027, 1, 30, 12, 20, tzinfo=UTC)  # its periods end on the last day of shorter months
DECLINED_CARD = "4000000000000002"
HOURS = (1, 7, 30, 8 * 24, 16 * 24)
AMOUNTS = {"EUR": ("29.00", "0.0004", "0.40"), "JPY": ("2900", "0.04", "40"), "KWD": ("2.900", "0.00004", "0.040")}
LARGER = {"EUR": "49.00", "JPY": "4900", "KWD": "4.900"}
CREDITS = {"EUR": ("20.00", "50.00", "0.10"), "JPY": ("2000", "5000", "10"), "KWD": ("2.000", "5.000", "0.010")}


def pricings(currency: str) -> list[dict[str, Any]]:
    """A plan of each model that Stripe sells."""
    base, unit, package = AMOUNTS[currency]
    flat = {"name": "base", "model": "flat", "amount": base}
    tiers = [{"upTo": 100_000, "unit": "0"}, {"unit": unit}]
    models: list[list[dict[str, Any]]] = [
        [flat, {"name": "calls", "meter": "calls", "model": "graduated", "tiers": tiers}],
        [flat, {"name": "calls", "meter": "calls", "model": "package", "size": 1000, "amount": package}],
        [{"name": "calls", "meter": "calls", "model": "unit", "unit": unit}],
        [
            {
                "name": "calls",
                "meter": "calls",
                "model": "volume",
                "tiers": [{"upTo": 1000, "unit": package}, *tiers[1:]],
            }
        ],
        [{"name": "setup", "model": "setup", "amount": package}, flat],
        [
            {**flat, "amount": LARGER[currency]},
            {"name": "calls", "meter": "calls", "model": "graduated", "tiers": tiers},
        ],
    ]
    changes: list[dict[str, Any]] = [{}, {"change": {"proration": "none"}}, {}, {}, {}, {"change": AT_ONCE}]
    return [{"currency": currency, "prices": prices, **change} for prices, change in zip(models, changes, strict=True)]


def prepaid_pricing(currency: str) -> dict[str, Any]:
    """Credits that end, and what a call takes of them."""
    least, more, unit = CREDITS[currency]
    top_ups = {"name": "credits", "model": "prepaid", "amount": least, "topUps": [more], "expiresAfterDays": 20}
    calls = {"name": "calls", "meter": "calls", "model": "unit", "unit": unit}
    return {"currency": currency, "prices": [top_ups, calls]}


class Machine(RuleBasedStateMachine):
    """What anybody can do at any time; the database is rolled back after each run."""

    stripe: ClassVar[Stripe]
    server: ClassVar[Server]
    version: ClassVar[APIVersion]

    def __init__(self) -> None:
        """An empty Stripe, a fresh application, a clock of its own."""
        super().__init__()
        self._travel = time_machine.travel(START, tick=True)
        clock = self._travel.start()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        self.stripe.control("reset")
        self.stripe.control("settings", after_retries="past_due")
        self.stripe.control("webhooks", mode="lose")  # the machine brings them
        self._clock = clock
        self.plans: list[Plan] = []

    @initialize(currency=st.sampled_from(sorted(AMOUNTS)))
    def open_shop(self, currency: str) -> None:
        """A product with a plan of each model."""
        owner = self.version.api.organization
        self.plans = [products.plan(organization=owner, terms=Terms(pricing=pricing)) for pricing in pricings(currency)]
        application = access.application()
        free = products.plan(organization=owner, terms=Terms())
        self.shop = Shop(
            self.stripe,
            self.server.state,
            self._clock,
            application,
            products.product(version=self.version, plans=[*self.plans, free]),
            access.issued_key(application=application).credential.key_hash,
        )
        prepaid = products.plan(organization=owner, terms=Terms(pricing=prepaid_pricing(currency)))
        offered = products.product(version=self.version, plans=[prepaid])
        self.currency, self.chosen = currency, [*self.plans, free]
        least, more, unit = (to_minor(Decimal(each), currency) for each in CREDITS[currency])
        self.wallet = Wallet(self.shop, offered, unit, (least, more))

    def teardown(self) -> None:
        """Everything comes to its end, and is compared; unless something failed before."""
        try:
            if sys.exc_info()[0] is None and self.plans:
                self.compare()
        finally:
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)
            self._travel.stop()

    def _is(self, *lifecycles: str) -> bool:
        live = self.shop.live()
        return live is not None and live.lifecycle in lifecycles

    @precondition(lambda self: self.shop.live() is None and self.plans)
    @rule(number=st.integers(0, 4), is_at_once=st.booleans())
    def choose(self, number: int, is_at_once: bool) -> None:
        """Ask for a plan, and pay for it at once or later."""
        self.shop.ask_for(self.plans[number % len(self.plans)])
        if is_at_once:
            self.open()
            self.pay(GOOD_CARD)

    @precondition(lambda self: self._is("pending"))
    @rule()
    def open(self) -> None:
        """Another tab goes to the checkout."""
        self.shop.go_to_checkout()

    @rule(card=st.sampled_from([GOOD_CARD, GOOD_CARD, DECLINED_CARD]))
    def pay(self, card: str) -> None:
        """Pay on a checkout that was opened."""
        if self.shop.checkouts:
            self.shop.pay_checkout(card)

    @rule(number=st.sampled_from([1, 999, 60_000, 132_400]))
    def call(self, number: int) -> None:
        """Use what is granted."""
        self.shop.call(number)

    @precondition(lambda self: self._is("active", "canceled"))
    @rule(is_at_period_end=st.booleans())
    def cancel(self, is_at_period_end: bool) -> None:
        """Cancel at once or at the end of the period."""
        self.shop.cancel(is_at_period_end=is_at_period_end)

    @precondition(lambda self: self._is("canceled"))
    @rule()
    def resume(self) -> None:
        """Go on after all."""
        self.shop.resume()

    @precondition(lambda self: self._is("active", "canceled"))
    @rule(card=st.sampled_from([BROKEN_CARD, GOOD_CARD]))
    def change_card(self, card: str) -> None:
        """The next invoices fail, or what is open is paid."""
        self.shop.save_card(card)

    @rule()
    def pay_what_is_open(self) -> None:
        """Pay by the links of the mails."""
        self.shop.pay_invoices(GOOD_CARD)

    @rule(hours=st.sampled_from(HOURS))
    def let_time_pass(self, hours: int) -> None:
        """An hour, or half a month."""
        self.shop.advance(timedelta(hours=hours))

    @rule(seed=st.integers(0, 99), share=st.sampled_from([0.3, 0.7, 1.0]), copies=st.integers(1, 2))
    def deliver(self, seed: int, share: float, copies: int) -> None:
        """Some events come, in any order, some of them twice."""
        self.shop.deliver(seed, share, copies)

    @rule()
    def repair(self) -> None:
        """A night passes."""
        self.shop.repair()

    @precondition(lambda self: not self.shop.is_down)
    @rule()
    def lose_stripe(self) -> None:
        """Stripe does not answer."""
        self.shop.go_down()

    @precondition(lambda self: self.shop.is_down)
    @rule()
    def find_stripe(self) -> None:
        """Stripe answers again."""
        self.shop.come_back()

    @precondition(lambda self: len(self.plans) > 1)
    @rule(number=st.integers(0, 4))
    def archive(self, number: int) -> None:
        """A plan is sold no more; who has it or is about to buy it does not care."""
        archive_plan(plan=self.plans.pop(number % len(self.plans)), by=TESTER)

    @rule()
    def compare(self) -> None:
        """In between, too, everybody comes to tell the same."""
        self.shop.settle()
        compare(self.shop)
        self.wallet.compare()

    @precondition(lambda self: self._is("active"))
    @rule(number=st.integers(0, 6), is_shown=st.booleans())
    def switch(self, number: int, is_shown: bool) -> None:
        """Choose another plan: dearer, cheaper, or for nothing."""
        self.shop.switch(self.chosen[number % len(self.chosen)], is_shown=is_shown)

    @precondition(lambda self: PlanChange.objects.filter(subscription=self.shop.live()).exists())
    @rule()
    def undo_switch(self) -> None:
        """Keep the plan after all."""
        self.shop.undo_switch()

    @rule(number=st.integers(0, 9), way=st.sampled_from(["card", "balance", "outside"]), is_whole=st.booleans())
    def give_back(self, number: int, way: str, is_whole: bool) -> None:
        """Give an invoice back, or a half of it."""
        self.shop.give_back(number, way=way, is_whole=is_whole)

    @rule(number=st.integers(0, 9))
    def refund_by_hand(self, number: int) -> None:
        """Give a part of a charge back, and tell only Stripe."""
        self.shop.refund_by_hand(number)

    @rule()
    def give_goodwill(self) -> None:
        """Put something on the balance that the next invoices are paid from."""
        self.shop.give_goodwill(self.currency)

    @rule(number=st.integers(0, 1), keeps_card=st.booleans(), is_at_once=st.booleans())
    def top_up(self, number: int, keeps_card: bool, is_at_once: bool) -> None:
        """Buy credits, and pay at once or later."""
        self.wallet.top_up(number, keeps_card=keeps_card)
        if is_at_once:
            self.wallet.pay(GOOD_CARD)

    @rule(card=st.sampled_from([GOOD_CARD, GOOD_CARD, DECLINED_CARD]))
    def pay_top_up(self, card: str) -> None:
        """Pay on a page for credits that was opened."""
        self.wallet.pay(card)

    @rule(number=st.sampled_from([1, 30, 180, 700]), status=st.sampled_from([200, 200, 500]))
    def use_credits(self, number: int, status: int) -> None:
        """Use what credits pay for."""
        self.wallet.call(number, status=status)

    @rule(number=st.integers(0, 9), is_whole=st.booleans())
    def refund_credits(self, number: int, is_whole: bool) -> None:
        """Give a top-up back, or a half of it."""
        self.wallet.refund(number, is_whole=is_whole)

    @rule()
    def give_credits(self) -> None:
        """Give credits for nothing."""
        self.wallet.give()

    @rule()
    def buy_credits_unasked(self) -> None:
        """Have credits bought when they are low."""
        self.wallet.buy_unasked()
