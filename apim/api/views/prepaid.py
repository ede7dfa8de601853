"""Prepaid credits: /subscriptions/{subscription}/credits."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.access.models import Subscription
from apim.accounts.links import absolute_url
from apim.api.lookups import find_subscription, require_editable
from apim.api.paging import Listing, equals, page
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.prepaid import CreditsShape, LedgerEntryShape, TopUpBody, TopUpShape
from apim.billing.credits.buying import open_top_up
from apim.billing.credits.reading import credits_of
from apim.billing.credits.terms import offers_of, wanted_version
from apim.billing.models import LedgerEntry
from apim.errors import Invalid
from apim.pricing.money import CURRENCIES, from_minor, money_text, to_minor

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"number": "number"},
    default_sort="-number",
    filters={"kind": equals("kind", choices=tuple(LedgerEntry.Kind.values))},
)
_DIGITS_AT_MOST = 12  # before the point; no top-up is near it


class Credits(Resource):
    """/subscriptions/{subscription}/credits"""

    @operation("get_credits", tag="Access", scope="access:read", answers=CreditsShape)
    def get(self, request: APIRequest, subscription: str) -> Response:
        """What is left of prepaid credits, and how far it goes."""
        found = _own(request, subscription)
        view = credits_of(found)
        currency = view.currency or "EUR"

        def text(minor: int) -> str:
            return money_text(from_minor(minor, currency), currency)

        return Response(
            {
                "subscription": found.id,
                "currency": view.currency,
                "balance": text(view.balance),
                "affordable_calls": view.affordable,
                "exhausted_at": view.exhausted_at,
                "is_exhausted": found.is_out_of_credits,
                "top_ups": [text(each) for each in offers_of(view.version.terms)] if view.version.terms.prepaid else [],
                "automatic": bool(view.account and view.account.automatic_amount),
            }
        )


class Ledger(Resource):
    """/subscriptions/{subscription}/credits/ledger"""

    @operation("list_credit_movements", tag="Access", scope="access:read", lists=LedgerEntryShape, listing=LISTING)
    def get(self, request: APIRequest, subscription: str) -> Response:
        """Every movement of the credits: their balance is the sum of them."""
        found = _own(request, subscription)
        entries = LedgerEntry.objects.visible_to(request.user).filter(subscription=found).select_related("grant")
        return page(request, entries, LISTING, LedgerEntryShape)


class TopUps(Resource):
    """/subscriptions/{subscription}/credits/top-ups"""

    @operation(
        "create_top_up",
        tag="Access",
        scope="access:write",
        body=TopUpBody,
        answers=TopUpShape,
        status=201,
        example={"amount": "20.00"},
        asks_provider=True,
    )
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Begins a top-up: a person pays it at `checkout_url`, and the credits are there a moment later."""
        found, data = _own(request, subscription), self.read(TopUpBody)
        back = absolute_url(f"/my/subscriptions/{found.id}/credits")
        top_up = open_top_up(
            subscription=found,
            amount=_minor(data["amount"], wanted_version(found).terms.currency),
            keeps_card=data["keep_card"],
            return_url=f"{back}/paid",
            cancel_url=back,
            by=request.actor,
        )
        return Response(TopUpShape(top_up).data, status=201)


def _minor(text: str, currency: str) -> int:
    """The amount in minor units; 0, which nobody offers, in a plan without prices."""
    with suppress(InvalidOperation, ValueError):
        amount = Decimal(text)
        if amount.is_finite() and amount.adjusted() <= _DIGITS_AT_MOST:
            return to_minor(amount, currency) if currency in CURRENCIES else 0
    raise Invalid(
        "billing.amount_invalid", f"`{text}` is no amount in {currency}.", field="amount", hint="Such as 20.00."
    )


def _own(request: APIRequest, reference: str) -> Subscription:
    """The subscription, which the caller holds."""
    found = find_subscription(request.user, reference)
    require_editable(Subscription.objects.editable_by(request.user), found)
    return Subscription.objects.select_related("requested_plan_version").get(pk=found.pk)
