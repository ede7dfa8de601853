"""Invoices, and giving money back: /invoices, /organizations/{organization}/goodwill."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.db import transaction
from rest_framework.response import Response

from apim.api.lookups import find_invoice, find_organization, require_admin, require_editable
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.billing import AdjustmentBody, AdjustmentShape, GoodwillBody, InvoiceShape
from apim.billing.giving import Wish, plan_of
from apim.billing.models import Adjustment, Invoice
from apim.billing.refunding import carry_out, give_back, give_goodwill
from apim.fields import new_id

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={
        "organization": refers("organization"),
        "status": equals("status"),
        "number": equals("number"),
        "subscription": equals("subscription"),
    },
)
GIVEN = Listing(sorts={"created_at": "created_at"}, default_sort="-created_at", filters={"state": equals("state")})


class Invoices(Resource):
    """/invoices"""

    @operation("list_invoices", tag="Billing", scope="billing:read", lists=InvoiceShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The invoices that the caller's organizations pay, and those for their products."""
        return page(
            request, Invoice.objects.known_to(request.user).select_related("organization"), LISTING, InvoiceShape
        )


class OneInvoice(Resource):
    """/invoices/{invoice}"""

    @operation("get_invoice", tag="Billing", scope="billing:read", answers=InvoiceShape)
    def get(self, request: APIRequest, invoice: str) -> Response:
        """One invoice, by its id at Stripe or its number."""
        return answer(request, find_invoice(request.user, invoice), InvoiceShape)


class InvoiceAdjustments(Resource):
    """/invoices/{invoice}/adjustments"""

    @operation("list_invoice_adjustments", tag="Billing", scope="billing:read", lists=AdjustmentShape, listing=GIVEN)
    def get(self, request: APIRequest, invoice: str) -> Response:
        """What was given back of the invoice, by us or by hand at Stripe."""
        found = find_invoice(request.user, invoice)
        return page(request, found.adjustments.select_related("organization"), GIVEN, AdjustmentShape)

    @operation(
        "give_back",
        tag="Billing",
        scope="billing:write",
        body=AdjustmentBody,
        answers=AdjustmentShape,
        status=201,
        example={"amount": "9.00", "reason": "An outage on Monday."},
    )
    def post(self, request: APIRequest, invoice: str) -> Response:
        """Gives an amount, parts of lines or all that is left back, by a credit note. With `dry_run` it only says what.

        It is `pending` until Stripe has said yes. A request that is sent again with its `Idempotency-Key` gives back
        once.
        """
        found = find_invoice(request.user, invoice)
        require_editable(Invoice.objects.adjustable_by(request.user), found)
        data = self.read(AdjustmentBody)
        lines = {each["line"]: each["amount"] for each in data.get("lines", [])}
        wish = Wish(data["way"], amount=data.get("amount", ""), lines=lines or None)
        if data["dry_run"]:
            return Response(AdjustmentShape(plan_of(found, wish)).data)
        row = give_back(invoice=found, wish=wish, reason=data["reason"], key=_key(request), by=request.actor)
        return _carried_out(row)


class OrganizationGoodwill(Resource):
    """/organizations/{organization}/goodwill"""

    @operation(
        "give_goodwill",
        tag="Billing",
        scope="billing:write",
        body=GoodwillBody,
        answers=AdjustmentShape,
        status=201,
        example={"amount": "9.00", "currency": "EUR", "reason": "An outage on Monday."},
    )
    def post(self, request: APIRequest, organization: str) -> Response:
        """Puts a credit on the organization's balance, from which its next invoices are paid first."""
        found = find_organization(request.user, organization)
        require_admin(request.user)
        data: dict[str, Any] = self.read(GoodwillBody)
        return _carried_out(give_goodwill(organization=found, **data, key=_key(request), by=request.actor))


def _key(request: APIRequest) -> str:
    """The caller's key, or one of our own for who sends none."""
    given = request.headers.get("Idempotency-Key", "")
    return hashlib.sha256(given.encode()).hexdigest() if given else new_id("key")


def _carried_out(row: Adjustment) -> Response:
    """201; Stripe is asked once the row is there for good, never inside the transaction that makes it."""
    transaction.on_commit(lambda: carry_out(row.pk), robust=True)
    row = Adjustment.objects.select_related("organization").get(pk=row.pk)
    return Response(AdjustmentShape(row).data, status=HTTPStatus.CREATED)
