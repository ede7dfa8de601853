"""Whatever a payer, Stripe, the network and time do in whatever order: ledger = Stripe = gateway, to the minor unit.

Plans are bought, changed and left unpaid, money and credits are given back, credits are bought and used. Events come
late, twice and in any order, and Stripe is away for a while. Once all came and a night passed, everybody tells
the same. Promises R9, B10, H39, H40.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from django.utils import timezone
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from apim.access.models import Subscription
from apim.gateways.models import Environment
from apim.products.services import create_meter
from tests.apim.billing.machine import Machine
from tests.factories import catalog
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, Stripe
from tests.properties import patient
from tests.stripe_server.server import Server

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine(stripe_server: Stripe, _standin: Server, environment: Environment) -> type[Machine]:
    """The machine, in a world that all its runs begin from."""
    Machine.stripe, Machine.server, Machine.version = stripe_server, _standin, catalog.published()
    create_meter(organization=Machine.version.api.organization, name="calls", definition={}, by=TESTER)
    return Machine


History = Callable[[Machine], None]


def _upgraded(m: Machine) -> None:
    m.call(132_400)
    m.let_time_pass(30)
    m.switch(5, is_shown=True)
    m.call(999)
    m.deliver(1, 0.7, 2)
    m.let_time_pass(16 * 24)
    m.let_time_pass(16 * 24)


def _cancelled_as_it_renews(m: Machine) -> None:
    m.call(132_400)
    (end,) = set(m.shop.period_ends())
    m.shop.advance(end - timezone.now())
    m.deliver(1, 1.0, 1)
    m.cancel(is_at_period_end=False)
    m.let_time_pass(30)


def _cancelled_as_it_changes(m: Machine) -> None:
    m.cancel(is_at_period_end=False)
    m.deliver(1, 1.0, 1)
    m.shop.clock.move_to(timezone.now(), tick=False)  # all of this in one second
    m.choose(2, is_at_once=True)
    m.deliver(1, 1.0, 1)
    m.switch(4, is_shown=True)
    m.cancel(is_at_period_end=False)
    m.shop.clock.move_to(timezone.now(), tick=True)


def _without_a_meter(m: Machine) -> None:
    m.compare()
    m.call(1)
    m.compare()
    m.switch(5, is_shown=True)
    m.call(999)
    m.let_time_pass(30)
    m.switch(6, is_shown=True)
    m.let_time_pass(16 * 24)
    m.let_time_pass(16 * 24)
    m.call(1)


def _cancelled_at_once(m: Machine) -> None:
    m.cancel(is_at_period_end=False)


def _left_unpaid(m: Machine) -> None:
    m.deliver(1, 1.0, 1)
    m.change_card(BROKEN_CARD)
    m.switch(5, is_shown=True)
    m.undo_switch()
    m.compare()
    m.switch(5, is_shown=False)
    m.let_time_pass(30)
    m.compare()
    m.switch(5, is_shown=False)
    m.pay_what_is_open()


def _downgraded(m: Machine) -> None:
    m.switch(2, is_shown=True)
    m.undo_switch()
    m.switch(2, is_shown=False)
    m.call(132_400)
    m.deliver(1, 0.3, 2)
    m.let_time_pass(16 * 24)
    m.let_time_pass(16 * 24)
    m.call(999)


def _given_back(m: Machine) -> None:
    m.deliver(1, 1.0, 1)
    m.give_back(0, "balance", is_whole=False)
    m.lose_stripe()
    m.give_back(0, "card", is_whole=False)
    m.find_stripe()
    m.refund_by_hand(0)
    m.give_goodwill()
    m.let_time_pass(16 * 24)
    m.let_time_pass(16 * 24)


def _begun_small(m: Machine) -> None:
    m.call(999)
    m.let_time_pass(8 * 24)
    m.switch(0, is_shown=True)
    m.call(999)
    m.let_time_pass(30)
    m.compare()
    m.switch(6, is_shown=True)
    m.let_time_pass(16 * 24)
    m.let_time_pass(16 * 24)


def _prepaid(m: Machine) -> None:
    m.top_up(0, keeps_card=True, is_at_once=True)
    m.deliver(1, 1.0, 2)
    m.use_credits(180, 200)
    m.use_credits(30, 500)
    m.let_time_pass(7)
    m.buy_credits_unasked()
    m.let_time_pass(1)
    m.refund_credits(1, is_whole=True)
    m.give_credits()
    m.compare()
    m.use_credits(700, 200)
    m.let_time_pass(16 * 24)
    m.let_time_pass(8 * 24)


@pytest.mark.parametrize(
    ("plan", "history"),
    [
        (0, _upgraded),
        (1, _left_unpaid),
        (0, _downgraded),
        (0, _given_back),
        (2, _begun_small),
        (0, _prepaid),
        (1, _cancelled_at_once),
        (1, _cancelled_as_it_renews),
        (2, _cancelled_as_it_changes),
        (4, _without_a_meter),
    ],
    ids=lambda each: each.__name__.strip("_").replace("_", "-") if callable(each) else str(each),
)
def test_a_history_of_each_kind_ends_in_agreement(machine: type[Machine], plan: int, history: History) -> None:
    """What random histories seldom come to."""
    live(machine, "EUR", plan, history)


def live(machine: type[Machine], currency: str, plan: int, history: History) -> None:
    """Buy a plan, live through a history, and compare."""
    m = machine()
    try:
        m.open_shop(currency)
        m.choose(plan, is_at_once=True)
        m.deliver(0, 1.0, 1)
        history(m)
    finally:
        m.teardown()


def test_any_history_ends_in_agreement(machine: type[Machine]) -> None:
    """The same histories in each run, so that a change is judged by itself and not by luck."""
    few = settings(
        patient, max_examples=2, stateful_step_count=12, derandomize=True, database=None, phases=[Phase.generate]
    )
    run_state_machine_as_test(machine, settings=few)
    assert not Subscription.objects.exists()


@pytest.mark.slow
def test_many_histories_end_in_agreement(machine: type[Machine]) -> None:
    """Others in each run, some minutes of them; APIM_HISTORIES says how many."""
    number = int(os.environ.get("APIM_HISTORIES", "120"))
    run_state_machine_as_test(machine, settings=settings(patient, max_examples=number, stateful_step_count=25))
