"""Prepaid credits of the payer of a shop: bought, used, given back; then proved against Stripe and a gateway."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import stripe
from django.db.models import Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing.credits.automatic import set_automatic
from apim.billing.credits.buying import open_top_up
from apim.billing.credits.drawing import draw_usage
from apim.billing.credits.goodwill import give_goodwill
from apim.billing.models import CreditAccount, CreditGrant, LedgerEntry, TopUp
from apim.errors import Conflict
from apim.products.models import Product
from gateway_sync.runtime.core.allowances import Allowance
from gateway_sync.runtime.core.limits import CELL_LENGTH, NS
from tests.apim.billing.books import charges_of
from tests.apim.billing.shop import Shop
from tests.factories.accounts import TESTER
from tests.prepaid import balance_of, use


@dataclass(slots=True)
class Wallet:
    """Shapes: unit = what a call costs in minor units; offers, what a top-up may be; served = calls that cost it."""

    shop: Shop
    product: Product
    unit: int
    offers: tuple[int, ...]
    served: int = 0
    pages: list[str] = field(default_factory=list)
    cell: list[int] = field(default_factory=lambda: [0] * CELL_LENGTH)

    def live(self) -> Subscription | None:
        """The prepaid subscription, once it was asked for."""
        return Subscription.objects.live().filter(product=self.product).first()

    def top_up(self, number: int, *, keeps_card: bool) -> None:
        """Go to the page on which a top-up is paid."""
        subscription = self.live() or subscribe(
            application=self.shop.application,
            product=self.product,
            plan=self.product.plans.get(),
            by=TESTER,
            is_checkout=True,
        )
        amount = self.offers[number % len(self.offers)]
        with suppress(Conflict):  # Stripe is down
            made = open_top_up(
                subscription=subscription, amount=amount, keeps_card=keeps_card, return_url="http://a/",
                cancel_url="http://a/", by=TESTER,
            )  # fmt: skip
            self.pages.append(made.session_url)

    def pay(self, card: str) -> None:
        """Pay on such a page."""
        if self.pages:
            assert self.shop.stripe.pay(self.pages.pop(), card) in (200, 303, 402, 410)

    def buy_unasked(self) -> None:
        """Have top-ups bought by the card that was kept."""
        subscription = self.live()
        with suppress(Conflict):  # no card was kept
            if subscription is not None:
                options = {"below": self.offers[0] // 2, "amount": self.offers[0], "monthly_cap": 3 * self.offers[0]}
                set_automatic(subscription=subscription, by=TESTER, **options)

    def give(self) -> None:
        """Give credits for nothing."""
        subscription = self.live()
        if subscription is not None:
            key = f"gift {CreditGrant.objects.count()}"
            give_goodwill(
                subscription=subscription, amount=7 * self.unit, reason="Sorry.", expires_at=None, key=key, by=TESTER
            )

    def refund(self, number: int, *, is_whole: bool) -> None:
        """Give a top-up back on Stripe's own pages."""
        with self.shop.reached() as client, suppress(stripe.InvalidRequestError):  # all was given back
            _, charges = charges_of(client)
            if charges:
                charge = charges[number % len(charges)]
                amount = charge.amount if is_whole else charge.amount // 20 * 10
                client.v1.refunds.create({"charge": charge.id, "amount": amount})

    def call(self, number: int, *, status: int) -> None:
        """Call, as often as the gateway lets it; a call that the service fails is counted there and costs nothing."""
        passed = self._admitted(number)
        subscription = self.live()
        if not passed or subscription is None:
            return
        use(subscription, passed, status=status)
        self.served += passed * (status < 500)

    def _admitted(self, number: int) -> int:
        verdict = self.shop.verdict(self.product)
        if verdict.code:
            return 0
        if verdict.allowance is None:
            return number
        allowance, now_ns = _allowance(verdict.allowance), int(timezone.now().timestamp()) * NS
        return sum(not allowance.settle(self.cell, now_ns)[0] for _ in range(number))

    def compare(self) -> None:
        """Entries = payments and refunds at Stripe, and usage by its price; the gateway admits what is left."""
        subscription = Subscription.objects.filter(product=self.product).first()
        if subscription is None:
            return
        verdict = self.shop.verdict(self.product)
        account = CreditAccount.objects.filter(pk=subscription.pk).first()
        _, charges = charges_of(self.shop.client)
        if account is None or account.started_at is None:
            assert (verdict.code, charges, self.served) == ("subscription-pending", [], 0), verdict
            return
        draw_usage(subscription.id)
        balance = balance_of(subscription)
        self._compare_payments(subscription, charges)
        drawn = LedgerEntry.objects.filter(subscription=subscription, kind="draw").aggregate(sum=Sum("amount"))["sum"]
        assert -(drawn or 0) == self.served * self.unit, (drawn, self.served)
        overdue = CreditGrant.objects.filter(subscription=subscription, left__gt=0, expires_at__lte=timezone.now())
        assert not overdue.exists()
        left = max(0, balance // self.unit)
        verdict = self.shop.verdict(self.product)
        assert verdict.code == ("" if left else "credits-exhausted"), (verdict, balance)
        told = self._would_admit(verdict.allowance) if left else 0
        assert told <= left <= told * 1.1 + 1, (told, left)  # small rises are told later

    def _would_admit(self, told: tuple[int, int] | None) -> int:
        assert told is not None
        allowance, cell, now_ns = _allowance(told), list(self.cell), int(timezone.now().timestamp()) * NS
        admitted = 0
        while not allowance.settle(cell, now_ns)[0]:
            admitted += 1
        return admitted

    def _compare_payments(self, subscription: Subscription, charges: list[stripe.Charge]) -> None:
        theirs = sorted((str(each.payment_intent), each.amount, each.amount_refunded) for each in charges)
        paid = list(TopUp.objects.filter(state="paid"))
        assert sorted((each.intent_id, each.amount, each.given_back) for each in paid) == theirs, theirs
        for each in paid:
            (grant,) = CreditGrant.objects.filter(top_up=each)
            taken = LedgerEntry.objects.filter(grant=grant, kind="take-back").aggregate(sum=Sum("amount"))["sum"] or 0
            assert grant.amount == each.amount
            assert -taken == each.given_back or (grant.left == 0 and -taken < each.given_back), (taken, each.given_back)
        granted = LedgerEntry.objects.filter(subscription=subscription, kind="grant").aggregate(sum=Sum("amount"))[
            "sum"
        ]
        gifts = CreditGrant.objects.filter(subscription=subscription, top_up=None)
        given = gifts.aggregate(sum=Sum("amount"))["sum"] or 0
        assert (granted or 0) == sum(each.amount for each in charges) + given


def _allowance(told: tuple[int, int]) -> Allowance:
    since_s, calls = told
    return Allowance(calls, since_s)
