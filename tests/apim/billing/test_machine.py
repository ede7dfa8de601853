"""Whatever a payer, Stripe, the network and time do in whatever order: ledger = Stripe = gateway, to the minor unit.

Events come late, twice and in any order, and Stripe is away for a while. Once all came and a night passed, everybody
tells the same. Promises R9, B10, H39, H40.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import time_machine
from django.db import transaction
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from apim.access.models import Subscription
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.products.limits import Terms
from apim.products.models import Plan
from apim.products.services import archive_plan, create_meter
from tests.apim.billing.shop import Shop
from tests.factories import access, catalog, products
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, GOOD_CARD, Stripe
from tests.properties import patient
from tests.stripe_server.server import Server

pytestmark = pytest.mark.django_db

START = datetime(2027, 1, 30, 12, 20, tzinfo=UTC)  # its periods end on the last day of shorter months
DECLINED_CARD = "4000000000000002"
HOURS = (1, 7, 30, 8 * 24, 16 * 24)
AMOUNTS = {"EUR": ("29.00", "0.0004", "0.40"), "JPY": ("2900", "0.04", "40"), "KWD": ("2.900", "0.00004", "0.040")}


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
    ]
    return [{"currency": currency, "prices": prices} for prices in models]


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
        self.shop = Shop(
            self.stripe,
            self.server.state,
            self._clock,
            application,
            products.product(version=self.version, plans=self.plans),
            access.issued_key(application=application).credential.key_hash,
        )

    def teardown(self) -> None:
        """Everything comes to its end, and is compared; unless something failed before."""
        try:
            if sys.exc_info()[0] is None and self.plans:
                self.shop.settle()
                self.shop.compare()
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
    def settle(self) -> None:
        """In between, too, everybody comes to tell the same."""
        self.shop.settle()
        self.shop.compare()


@pytest.fixture
def machine(stripe_server: Stripe, _standin: Server, environment: Environment) -> type[Machine]:
    """The machine, in a world that all its runs begin from."""
    Machine.stripe, Machine.server, Machine.version = stripe_server, _standin, catalog.published()
    create_meter(organization=Machine.version.api.organization, name="calls", definition={}, by=TESTER)
    return Machine


def test_any_history_ends_in_agreement(machine: type[Machine]) -> None:
    """The same histories in each run, so that a change is judged by itself and not by luck."""
    few = settings(
        patient, max_examples=4, stateful_step_count=12, derandomize=True, database=None, phases=[Phase.generate]
    )
    run_state_machine_as_test(machine, settings=few)
    assert not Subscription.objects.exists()


@pytest.mark.slow
def test_many_histories_end_in_agreement(machine: type[Machine]) -> None:
    """Others in each run."""
    run_state_machine_as_test(machine, settings=settings(patient, max_examples=150, stateful_step_count=25))
