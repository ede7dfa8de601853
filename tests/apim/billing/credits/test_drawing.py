"""Usage is drawn once: late, twice, across periods, by any prices, whatever dies in between. Promises R5, B11, D1."""

from __future__ import annotations

import os
import random
import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import revise_plan
from apim.billing import tasks
from apim.billing.credits.drawing import draw_all, draw_usage
from apim.billing.credits.goodwill import give_goodwill
from apim.billing.models import CreditAccount, CreditGrant, LedgerEntry
from apim.billing.moving import move_subscriptions, obstacles_to
from apim.errors import Conflict, Invalid
from apim.gateways.models import AccessRecord, Environment, Gateway
from apim.products.limits import Terms
from apim.products.models import PlanVersion, Product
from gateway_sync.runtime.core.allowances import Allowance
from gateway_sync.runtime.core.limits import CELL_LENGTH, NS
from tests.factories.accounts import TESTER
from tests.prepaid import PREPAID, asked_for, balance_of, movements, prepaid_product, told, use

pytestmark = pytest.mark.django_db


def give(subscription: Subscription, amount: int, key: str = "k", *, ends_at: datetime | None = None) -> CreditGrant:
    """Credits without a payment; the first put the subscription in force."""
    grant = give_goodwill(
        subscription=subscription, amount=amount, reason="Sorry.", expires_at=ends_at, key=key, by=TESTER
    )
    subscription.refresh_from_db()
    return grant


def with_price(**price: object) -> Product:
    """A prepaid product whose calls cost so."""
    calls = {"name": "calls", "meter": "bank-calls", **price}
    return prepaid_product({**PREPAID, "prices": [PREPAID["prices"][0], calls]})


def test_drawing_again_draws_nothing_and_late_usage_only_itself(prepaid: Subscription) -> None:
    give(prepaid, 2000)
    now = timezone.now()
    with time_machine.travel(now + timedelta(hours=30), tick=True):
        use(prepaid, 100, at=now + timedelta(hours=29))
        assert draw_usage(prepaid.id) == 100
        assert draw_usage(prepaid.id) == 0
        use(prepaid, 7, at=now + timedelta(hours=3))  # a gateway that was away for a day
        assert draw_usage(prepaid.id) == 0
        assert draw_all(timedelta(days=3)) == 1
    assert movements(prepaid) == [("grant", 2000), ("draw", -100), ("draw", -7)]
    assert balance_of(prepaid) == 1893


def test_what_the_gateway_refused_and_what_failed_is_not_drawn(prepaid: Subscription) -> None:
    give(prepaid, 2000)
    use(prepaid, 10)
    use(prepaid, 50, status=402, code="credits-exhausted")
    use(prepaid, 50, status=500)
    use(prepaid, 50, status=0)
    assert draw_usage(prepaid.id) == 10


def test_grants_are_drawn_in_their_order_and_end_when_their_time_is_over(prepaid: Subscription) -> None:
    with time_machine.travel(datetime(2026, 5, 1, 10, 20, tzinfo=UTC), tick=True) as clock:
        later = give(prepaid, 1000, "later", ends_at=timezone.now() + timedelta(days=3))
        sooner = give(prepaid, 1000, "sooner", ends_at=timezone.now() + timedelta(days=1))
        use(prepaid, 600)
        draw_usage(prepaid.id)
        sooner.refresh_from_db()
        later.refresh_from_db()
        assert (sooner.left, later.left) == (400, 1000)
        clock.shift(timedelta(days=1, hours=1))
        assert draw_all() == 1
        assert movements(prepaid)[-1] == ("expiry", -400)
        clock.shift(timedelta(days=3))
        draw_all()
        assert draw_all() in (0, 1)
    assert balance_of(prepaid) == 0
    assert told(prepaid)["credits"] == "exhausted"


def test_used_beyond_the_balance_is_a_debt_that_the_next_credits_pay_first(prepaid: Subscription) -> None:
    give(prepaid, 100)
    use(prepaid, 130)  # as by calls that were under way
    draw_usage(prepaid.id)
    assert balance_of(prepaid) == -30
    assert told(prepaid)["credits"] == "exhausted"
    grant = give(prepaid, 500, "second")
    grant.refresh_from_db()
    assert (balance_of(prepaid), grant.left) == (470, 470)
    assert movements(prepaid)[-2:] == [("cover", -30), ("cover", 30)]
    assert "credits" not in told(prepaid)


def test_a_new_period_begins_anew_and_brings_what_is_included(environment: Environment) -> None:
    pricing = {
        **PREPAID,
        "prices": [
            {**PREPAID["prices"][0], "included": "1.00"},
            {"name": "calls", "meter": "bank-calls", "model": "package", "size": 100, "amount": "0.40"},
        ],
    }
    with time_machine.travel(datetime(2026, 1, 31, 10, 20, tzinfo=UTC), tick=True) as clock:
        subscription = asked_for(prepaid_product(pricing))
        give(subscription, 500)
        assert movements(subscription) == [("grant", 500), ("grant", 100)]
        use(subscription, 101)
        draw_usage(subscription.id)
        assert movements(subscription)[-1] == ("draw", -80)  # two packages, from what is included
        clock.move_to(datetime(2026, 2, 28, 11, 0, tzinfo=UTC))
        draw_all()
        assert movements(subscription)[-2:] == [("expiry", -20), ("grant", 100)]
        use(subscription, 1)
        draw_usage(subscription.id)
        assert movements(subscription)[-1] == ("draw", -40)
        assert balance_of(subscription) == 560


def test_fractions_of_a_cent_are_drawn_when_they_are_one(environment: Environment) -> None:
    subscription = asked_for(with_price(model="unit", unit="0.0004"))
    give(subscription, 100)
    drawn = 0
    for calls in (12, 1, 12, 25, 50):
        use(subscription, calls)
        drawn += draw_usage(subscription.id)
    assert drawn == int((Decimal("0.04") * 100).to_integral_value())  # 100 calls: 4 cents


@pytest.mark.parametrize("seed", range(3))
def test_usage_in_any_pieces_with_replays_comes_to_the_price_of_the_whole(environment: Environment, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    tiers = [{"upTo": 100, "unit": "0"}, {"upTo": 500, "unit": "0.02"}, {"unit": "0.005"}]
    subscription = asked_for(with_price(model="graduated", tiers=tiers))
    give(subscription, 500, "a")
    give(subscription, 5000, "b")
    used = 0
    for _ in range(12):
        calls = chance.randrange(120)
        use(subscription, calls)
        used += calls
        for _ in range(chance.randrange(3)):
            draw_usage(subscription.id)
    draw_usage(subscription.id)
    cents = max(min(used, 500) - 100, 0) * 2 + (Decimal(max(used - 500, 0)) / 2).to_integral_value("ROUND_HALF_UP")
    assert balance_of(subscription) == 5500 - cents


def test_the_gateway_never_admits_a_call_that_is_not_paid_for(prepaid: Subscription) -> None:
    """A gateway counts at once, usage comes late and some of it fails: what passes is never more than is paid for."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    give(prepaid, 50)
    cell, shipped, served, now = [0] * CELL_LENGTH, 0, 0, timezone.now()
    for _ in range(60):
        since, calls = told(prepaid)["allowance"]
        allowance = Allowance(calls, since)
        for _ in range(chance.randrange(4)):
            if "credits" not in told(prepaid) and not allowance.settle(cell, int(now.timestamp()) * NS)[0]:
                served += 1
        while shipped < served and chance.random() < 0.7:
            shipped += 1
            use(prepaid, 1, at=now, status=500 if chance.random() < 0.3 else 200)
        if chance.random() < 0.5:
            draw_usage(prepaid.id)
        assert CreditAccount.objects.get().balance >= 0
    use(prepaid, served - shipped, at=now)
    draw_usage(prepaid.id)
    assert balance_of(prepaid) == 0
    assert "credits" in told(prepaid)


def test_a_second_gateway_makes_the_count_of_one_worthless_so_none_is_told(prepaid: Subscription) -> None:
    give(prepaid, 50)
    assert "allowance" in told(prepaid)
    for name in ("one", "two"):
        Gateway.objects.create(
            environment_id=prepaid.environment_id, name=name, token_hash=name, seen_at=timezone.now()
        )
    use(prepaid, 1)
    draw_usage(prepaid.id)
    assert "allowance" not in told(prepaid)


def test_calls_are_counted_from_a_later_moment_when_nothing_is_under_way(prepaid: Subscription) -> None:
    with time_machine.travel(datetime(2026, 5, 1, 10, 0, tzinfo=UTC), tick=True) as clock:
        gateway = Gateway.objects.create(
            environment_id=prepaid.environment_id, name="one", token_hash="x", seen_at=timezone.now()
        )
        give(prepaid, 50)
        clock.shift(timedelta(minutes=10))
        use(prepaid, 20)
        draw_all()
        assert told(prepaid)["allowance"][1] == 50
        clock.shift(timedelta(hours=2))
        draw_all()
        assert told(prepaid)["allowance"][1] == 50  # the gateway does not report: its count may be ahead
        Gateway.objects.filter(pk=gateway.pk).update(seen_at=timezone.now())
        draw_all()
        since, calls = told(prepaid)["allowance"]
        assert (calls, datetime.fromtimestamp(since, UTC)) == (30, datetime(2026, 5, 1, 12, 0, tzinfo=UTC))


def test_records_change_seldom_while_usage_goes_on(prepaid: Subscription) -> None:
    give(prepaid, 10_000)
    before = AccessRecord.objects.filter(kind="subscription").count()
    for _ in range(10):
        use(prepaid, 20)
        draw_usage(prepaid.id)
    assert AccessRecord.objects.filter(kind="subscription").count() == before


def test_goodwill_wants_a_reason_and_is_given_once(prepaid: Subscription) -> None:
    with pytest.raises(Invalid):
        give_goodwill(subscription=prepaid, amount=5, reason=" ", expires_at=None, key="a", by=TESTER)
    give(prepaid, 500)
    with pytest.raises(Conflict) as refused:
        give(prepaid, 500)
    assert (refused.value.code, balance_of(prepaid)) == ("billing.given_already", 500)


def test_the_database_refuses_to_change_an_entry_and_one_that_does_not_follow(prepaid: Subscription) -> None:
    give(prepaid, 500)
    entry = LedgerEntry.objects.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.filter(pk=entry.pk).update(amount=400)
    for number, balance in ((2, 501), (3, 400), (0, -100)):
        entry.pk, entry.number, entry.amount, entry.balance, entry.key = None, number, -100, balance, f"false:{number}"
        with pytest.raises(DatabaseError), transaction.atomic():
            entry.save(force_insert=True)
    with pytest.raises(DatabaseError), transaction.atomic():
        CreditGrant.objects.update(left=-1)
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError), transaction.atomic():
            LedgerEntry.objects.all().delete()
    assert balance_of(prepaid) == 500


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_between_draw_and_commit_draws_nothing_and_the_next_one_draws_once(
    prepaid: Subscription,
) -> None:
    give(prepaid, 2000)
    use(prepaid, 300)
    reading, writing = os.pipe()
    connections.close_all()  # a connection is never shared with a child
    child = os.fork()
    if not child:
        try:
            with transaction.atomic():
                drawn = draw_usage(prepaid.id)
                os.write(writing, str(drawn).encode())
                signal.pause()
        finally:
            os._exit(1)
    assert os.read(reading, 10) == b"300"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert LedgerEntry.objects.count() == 1
    assert draw_usage(prepaid.id) == 300
    assert draw_usage(prepaid.id) == 0
    assert balance_of(prepaid) == 1700


def revised(subscription: Subscription, **changes: object) -> PlanVersion:
    """The next version of its plan."""
    terms = Terms(pricing={**PREPAID, **changes})
    return revise_plan(plan=subscription.plan_version.plan, terms=terms, by=TESTER)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prices": [{**PREPAID["prices"][1], "unit": "0.02"}]}, "paid by credits and the new version is not"),
        ({"currency": "USD"}, "Its credits are in EUR, the new version's prices in USD."),
        ({"interval": "year"}, "Its credits are drawn by the month, those of the new version by the year."),
        (
            {"prices": [*PREPAID["prices"], {"name": "base", "model": "flat", "amount": "9.00"}]},
            "this plan wants a fixed amount",
        ),
    ],
    ids=["not-prepaid", "currency", "interval", "not-sellable"],
)
def test_credits_are_not_moved_to_a_version_that_cannot_go_on_drawing_them(
    prepaid: Subscription, changes: dict[str, object], words: str
) -> None:
    give(prepaid, 2000)
    version = revised(prepaid, **changes)
    done = move_subscriptions(version=version, by=TESTER, subscription_ids=[prepaid.id])
    prepaid.refresh_from_db()
    assert (done.moved, done.scheduled, prepaid.plan_version.number) == ([], [], 1)
    assert words in done.failed[prepaid.id]
    assert obstacles_to(version, [prepaid]) == done.failed


@pytest.mark.parametrize("days", [0, 1], ids=["at-once", "from-a-day-on"])
def test_moved_to_other_prices_what_was_used_before_is_drawn_by_the_old_ones(
    environment: Environment, days: int
) -> None:
    tiers = [{"upTo": 100, "unit": "0"}, {"unit": "0.01"}]
    with time_machine.travel(datetime(2026, 5, 10, 10, 20, tzinfo=UTC), tick=True) as clock:
        subscription = asked_for(with_price(model="graduated", tiers=tiers))
        give(subscription, 2000)
        use(subscription, 90)
        assert draw_usage(subscription.id) == 0  # free, so without an entry
        version = revised(subscription, prices=[PREPAID["prices"][0], {**PREPAID["prices"][1], "unit": "0.03"}])
        use(subscription, 15)  # known by nobody yet: 5 of them cost 1 cent each
        day = timezone.now() + timedelta(days=days) if days else None
        done = move_subscriptions(version=version, by=TESTER, subscription_ids=[subscription.id], not_before=day)
        assert done.failed == {}
        clock.shift(timedelta(days=days))
        tasks.advance_migrations()
        assert movements(subscription) == [("grant", 2000), ("draw", -5), ("draw", 0)]
        subscription.refresh_from_db()
        assert subscription.plan_version == version
        assert draw_usage(subscription.id) == 0
        use(subscription, 10)
        assert (draw_usage(subscription.id), balance_of(subscription)) == (30, 1965)
        assert told(subscription)["allowance"][1] == (105 + 10) + 1965 // 3
