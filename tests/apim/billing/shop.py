"""A payer, a product and Stripe, lived through in any order: what each can do is a method.

The books of it are compared by books.py; wallet.py is what the payer has in credits.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import stripe
from django.test import Client
from django.utils import timezone
from time_machine import Traveller

from apim.access import tasks as access_tasks
from apim.access.models import Application, Subscription
from apim.access.services import subscribe
from apim.billing import tasks
from apim.billing.checkout import open_checkout
from apim.billing.driver import DriverFailed
from apim.billing.giving import Wish
from apim.billing.models import Adjustment, BillingSubscription, Invoice, OutgoingUsage, StripeEvent
from apim.billing.refunding import carry_out, give_back, give_goodwill
from apim.billing.switch_previews import preview_switch
from apim.billing.switching import switch_plan, undo_switch
from apim.billing.telling import cancel_at_provider, resume_at_provider
from apim.errors import Conflict, Invalid
from apim.gateways.models import AccessRecord
from apim.pricing.money import from_minor
from apim.pricing.parts import Metered
from apim.products.models import Plan, PlanVersion, Product
from apim.usage.models import UsageRollup
from gateway_sync.runtime.access_file import record_name
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.core.access import Verdict, find_verdict
from tests.factories.accounts import TESTER
from tests.payments import SECRET, Stripe
from tests.stripe_server.keys import TEST_KEY
from tests.stripe_server.rendering import present
from tests.stripe_server.state import State
from tests.stripe_server.webhooks import signature

OVER = ("canceled", "incomplete_expired")
REFUSED = (  # with which a change of plan is refused for what it is
    "billing.plan_in_force", "billing.invoice_unpaid", "billing.cancelled", "billing.change_awaits_payment",
    "billing.nothing_to_undo", "access.plan_archived",
)  # fmt: skip
_DRAFT_HOUR = timedelta(minutes=50)  # what is told within the hour of a draft is on its invoice


@dataclass(slots=True)
class Shop:
    """Shapes: of the calls that the gateway let through, made = those that a plan has a price for, by subscription,
    unpriced = the others; told = how many events were looked at.
    """

    stripe: Stripe
    state: State
    clock: Traveller
    application: Application
    product: Product
    key_hash: str
    client: stripe.StripeClient = field(init=False)
    is_down: bool = False
    made: dict[str, int] = field(default_factory=dict)
    unpriced: int = 0
    told: int = 0
    waiting: list[bytes] = field(default_factory=list)
    checkouts: list[str] = field(default_factory=list)
    forms: int = 0
    is_by_hand: bool = False

    def __post_init__(self) -> None:
        """Its own way to Stripe stays open while the product's is down."""
        self.client = stripe.StripeClient(TEST_KEY, base_addresses={"api": self.stripe.address}, max_network_retries=0)

    # What the payer does.

    def live(self) -> Subscription | None:
        """The subscription that is not over."""
        return Subscription.objects.live().with_names().filter(product=self.product).first()

    def ask_for(self, plan: Plan) -> None:
        """Choose a plan."""
        subscribe(application=self.application, product=self.product, plan=plan, by=TESTER, is_checkout=True)

    def go_to_checkout(self) -> None:
        """Open the hosted checkout; an older one may be open in another tab."""
        subscription = self.live()
        assert subscription is not None
        with suppress(Conflict):  # Stripe is down, an invoice is unpaid, or it is bought and nobody told us yet
            url = open_checkout(subscription=subscription, return_url="http://a/", cancel_url="http://a/", by=TESTER)
            self.checkouts.append(url)

    def pay_checkout(self, card: str) -> None:
        """Pay on a hosted page, whether it is open still or not."""
        assert self.stripe.pay(self.checkouts.pop(), card) in (200, 303, 402, 410)

    def call(self, number: int) -> None:
        """Call, as often as the gateway lets it."""
        verdict = self.verdict()
        if verdict.code:
            return
        minute = timezone.now().astimezone(UTC).replace(second=0, microsecond=0)
        for period, start in (("minute", minute), ("hour", minute.replace(minute=0))):
            row, _ = UsageRollup.objects.get_or_create(
                period=period, at=start, environment_id="env_1", version_id="ver_1", operation="GET /accounts",
                application_id=self.application.id, subscription_id=verdict.subscription, status=200, code="",
            )  # fmt: skip
            UsageRollup.objects.filter(pk=row.pk).update(calls=row.calls + number)
        prices = PlanVersion.objects.get(pk=verdict.plan).terms.prices
        if any(isinstance(price, Metered) for price in prices):
            self.made[verdict.subscription] = self.made.get(verdict.subscription, 0) + number
        else:
            self.unpriced += number

    def cancel(self, *, is_at_period_end: bool) -> None:
        """Cancel what is bought."""
        self._tell(cancel_at_provider, is_at_period_end=is_at_period_end)

    def resume(self) -> None:
        """Take the cancellation back."""
        self._tell(resume_at_provider)

    def _tell(self, act: Any, **options: bool) -> None:
        subscription = self.live()
        assert subscription is not None
        try:
            act(subscription=subscription, by=TESTER, **options)
        except Conflict:
            assert self.is_down or self._is_over_at_stripe(subscription)

    def save_card(self, number: str) -> None:
        """Give another card on the hosted page of cards."""
        with self.reached() as client:
            (customer,) = client.v1.customers.list({"limit": 1}).data
            session = client.v1.billing_portal.sessions.create({"customer": customer.id, "return_url": "http://a/"})
        card = {"number": number, "expiry": "12 / 40", "cvc": "123", "name": "Eva Example"}
        assert self.stripe.submit(session.url, **card) in (200, 303)

    def pay_invoices(self, card: str) -> None:
        """Pay on the hosted page of each invoice that is open."""
        with self.reached() as client:
            found = client.v1.invoices.list({"status": "open"}).data
        for invoice in found:
            assert self.stripe.pay(str(invoice.hosted_invoice_url), card) in (200, 303, 402)

    def switch(self, plan: Plan, *, is_shown: bool) -> None:
        """Choose another plan, after its charge was shown or at once."""
        subscription = self.live()
        assert subscription is not None
        with self._refusable(subscription):
            shown = preview_switch(subscription=subscription, plan=plan) if is_shown else None
            if shown is None:
                switch_plan(subscription=subscription, plan=plan, by=TESTER)
                return
            assert shown.charge is None or shown.charge.difference == 0, shown.charge
            agreed = {"version_id": shown.switch.version.id, "shown_at": shown.shown_at}
            switch_plan(subscription=subscription, plan=plan, by=TESTER, **agreed)

    def undo_switch(self) -> None:
        """Keep the plan in force after all."""
        subscription = self.live()
        assert subscription is not None
        with self._refusable(subscription):
            undo_switch(subscription=subscription, by=TESTER)

    @contextmanager
    def _refusable(self, subscription: Subscription) -> Iterator[None]:
        try:
            yield
        except Conflict as refused:
            if refused.code not in REFUSED and not self.is_down and not self._is_over_at_stripe(subscription):
                raise

    # What who sells does.

    def give_back(self, number: int, *, way: str, is_whole: bool) -> None:
        """Give an invoice back, or half of it."""
        paid = list(Invoice.objects.filter(status="paid", total__gt=0).order_by("created_at", "stripe_id"))
        if not paid:
            return
        invoice = paid[number % len(paid)]
        half = invoice.total // 20 * 10
        wish = Wish(way=way, amount="" if is_whole else str(from_minor(half, invoice.currency)))
        with suppress(Conflict, Invalid):  # nothing is left, or less than that
            row = give_back(invoice=invoice, wish=wish, reason="Sorry.", key=self._key(), by=TESTER)
            carry_out(row.pk)

    def refund_by_hand(self, number: int) -> None:
        """Give a part of a charge back on Stripe's own pages."""
        with self.reached() as client, suppress(stripe.InvalidRequestError):  # all was given back
            charges = [each for each in client.v1.charges.list({"limit": 100}).data if each.paid]
            if charges:
                charge = charges[number % len(charges)]
                client.v1.refunds.create({"charge": charge.id, "amount": charge.amount // 40 * 10 or charge.amount})
                self.is_by_hand = True

    def give_goodwill(self, currency: str) -> None:
        """Put something on the customer's balance."""
        amount = str(from_minor(1230, currency))
        row = give_goodwill(
            organization=self.application.organization, amount=amount, currency=currency, reason="Sorry.",
            key=self._key(), by=TESTER,
        )  # fmt: skip
        carry_out(row.pk)

    def _key(self) -> str:
        self.forms += 1
        return f"form {self.forms}"

    # What Stripe does.

    def go_down(self) -> None:
        """Stripe answers the product no more."""
        self.is_down = True
        self._put_down()

    def _put_down(self) -> None:
        self.state.faults.add({"kind": "error", "path": "/v1/.*", "status": 503, "times": 1_000_000})

    @contextmanager
    def reached(self) -> Iterator[stripe.StripeClient]:
        """Stripe, which others reach even while the product does not."""
        self.state.faults.clear()
        try:
            yield self.client
        finally:
            if self.is_down:
                self._put_down()

    def come_back(self) -> None:
        """Stripe answers again."""
        self.is_down = False
        self.state.faults.clear()

    def deliver(self, seed: int, share: float = 1.0, copies: int = 1) -> None:
        """Bring a part of the events that wait, each so often, in any order; apply what can be applied."""
        self._take_events()
        chance = random.Random(seed)  # noqa: S311 - repeatable
        chance.shuffle(self.waiting)
        number = round(len(self.waiting) * share)
        now, self.waiting = self.waiting[:number] * copies, self.waiting[number:]
        chance.shuffle(now)
        door = Client()
        for body in now:
            header = {"Stripe-Signature": signature(body, SECRET)}
            answer = door.post("/webhooks/stripe", body, content_type="application/json", headers=header)
            assert answer.status_code == 200, answer.content
        tasks.apply_due_events()

    def _take_events(self) -> None:
        mode = self.state.modes[False]
        with self.state.lock:
            new = list(mode.objects.get("event", {}).values())[self.told :]
            self.waiting += [json.dumps(present(mode, event), indent=2).encode() for event in new]
        self.told += len(new)

    # What time does.

    def advance(self, by: timedelta) -> None:
        """Let time pass; where a period ends, the product's clock has its turn within the hour of the draft."""
        target = timezone.now() + by
        self.clock.move_to(timezone.now() + timedelta(minutes=2))
        tasks.tell_usage()  # these two have their turn each minute
        tasks.draw_credits()
        while (now := timezone.now()) < target:
            turns = [end + _DRAFT_HOUR for end in self.period_ends() if end + _DRAFT_HOUR > now]
            step = min([target, *turns])
            if self.is_down and step in turns:
                self.come_back()  # it is away for some time, but not while an invoice is made
            self.clock.move_to(step + timedelta(seconds=1))
            self.state.tick()
            self.work()

    def period_ends(self) -> list[datetime]:
        """When each period ends that is under way at Stripe."""
        mode = self.state.modes[False]
        with self.state.lock:
            items = mode.objects.get("subscription_item", {}).values()
            return [datetime.fromtimestamp(each["current_period_end"], UTC) for each in items]

    def work(self) -> None:
        """What the product does by the clock."""
        tasks.apply_due_events()
        tasks.tell_usage()
        tasks.draw_credits()
        tasks.look_after_payments()
        access_tasks.end_what_is_due()

    def repair(self) -> None:
        """What it does at night."""
        with suppress(*((DriverFailed,) if self.is_down else ())):
            tasks.repair_billing()
        tasks.draw_late_usage()

    # What all must agree on.

    def verdict(self, product: Product | None = None) -> Verdict:
        """What a gateway says that has every access record."""
        table = AccessTable(None)
        records = list(AccessRecord.objects.order_by("seq").values_list("kind", "key", "body", "seq"))
        table.apply(
            [
                (record_name(kind, key), None if body is None else msgspec.json.encode(body))
                for kind, key, body, _ in records
            ],
            records[-1][3],
        )
        return find_verdict(table, self.key_hash, (((product or self.product).id, 0),), int(timezone.now().timestamp()))

    def _is_over_at_stripe(self, subscription: Subscription) -> bool:
        stripe_id = BillingSubscription.objects.get(subscription=subscription).stripe_id
        with self.reached() as client:
            return client.v1.subscriptions.retrieve(stripe_id).status in OVER

    def settle(self) -> None:
        """Bring everything to its end: Stripe answers, all events come, the night passes."""
        self.come_back()
        for _ in range(4):  # what is applied makes new events
            self.deliver(0)
            StripeEvent.objects.filter(state="stored").update(retry_at=timezone.now())
            Adjustment.objects.filter(state="pending").update(retry_at=timezone.now())
            OutgoingUsage.objects.filter(state="due").update(retry_at=timezone.now())
            self.work()
            self.repair()
            self._take_events()
            if not self.waiting:
                break
        assert not self.waiting
        left = list(StripeEvent.objects.exclude(state="applied").values_list("type", "state", "outcome"))
        assert left == [], left
