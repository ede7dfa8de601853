"""A payer, a product and Stripe, lived through in any order; at the end everybody must tell the same.

Shapes: what the payer does are methods; `compare` asks Stripe, the ledger and a gateway and asserts that they agree.
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
from apim.billing.connection import require_connection
from apim.billing.driver import DriverFailed
from apim.billing.models import BillingSubscription, Invoice, MeterWindow, OutgoingUsage, StripeEvent
from apim.billing.reconciling import reconcile
from apim.billing.telling import cancel_at_provider, resume_at_provider
from apim.errors import Conflict
from apim.gateways.models import AccessRecord
from apim.products.models import Plan, Product
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

LEAST, GRACE_DAYS, END_DAYS = 7, 14, 45  # of the plans: restricted from, suspended from, ended from
_OVER = ("canceled", "incomplete_expired")
_DRAFT_HOUR = timedelta(minutes=50)  # what is told within the hour of a draft is on its invoice


@dataclass(slots=True)
class Shop:
    """Shapes: made = calls that the gateway let through, by subscription; told = how many events were looked at."""

    stripe: Stripe
    state: State
    clock: Traveller
    application: Application
    product: Product
    key_hash: str
    client: stripe.StripeClient = field(init=False)
    is_down: bool = False
    made: dict[str, int] = field(default_factory=dict)
    told: int = 0
    waiting: list[bytes] = field(default_factory=list)
    checkouts: list[str] = field(default_factory=list)

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
        self.made[verdict.subscription] = self.made.get(verdict.subscription, 0) + number

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
        with self._reached() as client:
            (customer,) = client.v1.customers.list({"limit": 1}).data
            session = client.v1.billing_portal.sessions.create({"customer": customer.id, "return_url": "http://a/"})
        card = {"number": number, "expiry": "12 / 40", "cvc": "123", "name": "Eva Example"}
        assert self.stripe.submit(session.url, **card) in (200, 303)

    def pay_invoices(self, card: str) -> None:
        """Pay on the hosted page of each invoice that is open."""
        with self._reached() as client:
            found = client.v1.invoices.list({"status": "open"}).data
        for invoice in found:
            assert self.stripe.pay(str(invoice.hosted_invoice_url), card) in (200, 303, 402)

    # What Stripe does.

    def go_down(self) -> None:
        """Stripe answers the product no more."""
        self.is_down = True
        self._put_down()

    def _put_down(self) -> None:
        self.state.faults.add({"kind": "error", "path": "/v1/.*", "status": 503, "times": 1_000_000})

    @contextmanager
    def _reached(self) -> Iterator[stripe.StripeClient]:
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
        while (now := timezone.now()) < target:
            turns = [end + _DRAFT_HOUR for end in self._period_ends() if end + _DRAFT_HOUR > now]
            step = min([target, *turns])
            if self.is_down and step in turns:
                self.come_back()  # it is away for some time, but not while an invoice is made
            self.clock.move_to(step + timedelta(seconds=1))
            self.state.tick()
            self.work()

    def _period_ends(self) -> list[datetime]:
        mode = self.state.modes[False]
        with self.state.lock:
            items = mode.objects.get("subscription_item", {}).values()
            return [datetime.fromtimestamp(each["current_period_end"], UTC) for each in items]

    def work(self) -> None:
        """What the product does by the clock."""
        tasks.apply_due_events()
        tasks.tell_usage()
        tasks.look_after_payments()
        access_tasks.end_what_is_due()

    def repair(self) -> None:
        """What it does at night."""
        with suppress(*((DriverFailed,) if self.is_down else ())):
            tasks.repair_billing()

    # What all must agree on.

    def verdict(self) -> Verdict:
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
        return find_verdict(table, self.key_hash, ((self.product.id, 0),), int(timezone.now().timestamp()))

    def _is_over_at_stripe(self, subscription: Subscription) -> bool:
        stripe_id = BillingSubscription.objects.get(subscription=subscription).stripe_id
        with self._reached() as client:
            return client.v1.subscriptions.retrieve(stripe_id).status in _OVER

    def settle(self) -> None:
        """Bring everything to its end: Stripe answers, all events come, the night passes."""
        self.come_back()
        for _ in range(4):  # what is applied makes new events
            self.deliver(0)
            StripeEvent.objects.filter(state="stored").update(retry_at=timezone.now())
            OutgoingUsage.objects.filter(state="due").update(retry_at=timezone.now())
            self.work()
            self.repair()
            self._take_events()
            if not self.waiting:
                break
        assert not self.waiting
        left = list(StripeEvent.objects.exclude(state="applied").values_list("type", "state", "outcome"))
        assert left == [], left

    def compare(self) -> None:
        """Ledger = Stripe = gateway, to the minor unit."""
        self._compare_invoices()
        self._compare_usage()
        self._compare_access()

    def _compare_invoices(self) -> None:
        found = [each for each in self.client.v1.invoices.list({"limit": 100}).data if each.status != "draft"]
        theirs = {each.id: (each.status, each.total, each.amount_paid, each.amount_remaining, 0, "") for each in found}
        reconcile(require_connection())
        ours = {
            each.stripe_id: (
                each.status, each.total, each.amount_paid, each.amount_remaining, each.difference, each.note,
            )
            for each in Invoice.objects.exclude(status="draft")
        }  # fmt: skip
        differing = [
            (ours.get(each), theirs.get(each)) for each in ours.keys() | theirs if ours.get(each) != theirs.get(each)
        ]
        assert differing == [], differing
        charged = sum(each.amount for each in self.client.v1.charges.list({"limit": 100}).data if each.paid)
        paid = sum(each[2] for each in ours.values())
        assert paid == charged, (paid, charged)

    def _compare_usage(self) -> None:
        unsent = list(OutgoingUsage.objects.exclude(state="sent").values_list("identifier", "state", "error"))
        assert unsent == [], unsent
        told = sum(OutgoingUsage.objects.values_list("quantity", flat=True))
        counted = sum(MeterWindow.objects.values_list("quantity", flat=True))
        assert counted == told == sum(self.made.values()), (counted, told, self.made)
        mode = self.state.modes[False]
        with self.state.lock:
            events = list(mode.objects.get("billing.meter_event", {}).values())
        taken = sum(int(each["payload"]["value"]) for each in events)
        assert taken == told, (taken, told)

    def _compare_access(self) -> None:
        newest = Subscription.objects.filter(product=self.product).order_by("created_at").last()
        if newest is None:
            return
        verdict = self.verdict()
        found = (verdict.code, verdict.is_restricted)
        assert found == self._wanted(newest), (found, self._wanted(newest), verdict)

    def _wanted(self, subscription: Subscription) -> tuple[str, bool]:
        """What Stripe's objects alone say of the newest subscription: (code of the refusal, restricted)."""
        found = [
            each
            for each in self.client.v1.subscriptions.list({"status": "all", "limit": 100}).data
            if each.metadata.to_dict().get("apim_subscription") == subscription.id
        ]
        if not found:
            return ("subscription-pending" if subscription.is_live else "subscription-inactive"), False
        (bought,) = found
        if bought.status in (*_OVER, "paused"):
            return "subscription-inactive", False
        invoices = self.client.v1.invoices.list({"subscription": bought.id, "status": "open"}).data
        due = [each.status_transitions.finalized_at for each in invoices if each.attempted and each.amount_remaining]
        if not due:
            return "", False
        days = (timezone.now().timestamp() - min(at for at in due if at)) / 86_400
        return ("payment-required", False) if days >= GRACE_DAYS else ("", days >= LEAST)
