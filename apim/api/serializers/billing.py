"""Shapes of invoices and of what was given back of them. Amounts are decimal texts in the invoice's currency."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.billing.giving import WAYS
from apim.billing.models import Adjustment, Invoice
from apim.pricing.money import from_minor, money_text


def _text(minor: int, currency: str) -> str:
    return money_text(from_minor(minor, currency), currency)


class AmountField(serializers.CharField):
    """Minor units of the row's currency, as a decimal text."""

    def get_attribute(self, instance: Any) -> Any:
        """The amount with the currency beside it."""
        return getattr(instance, self.source or ""), instance.currency

    def to_representation(self, value: Any) -> str:
        """`41.96`."""
        return _text(*value)


class InvoiceShape(serializers.ModelSerializer[Invoice]):
    """An invoice as Stripe has it, beside our rating of the same usage."""

    id = serializers.CharField(source="stripe_id")
    organization = serializers.CharField(source="organization.name")
    subscription = serializers.CharField(source="subscription_id", allow_null=True)
    subtotal = AmountField()
    total = AmountField()
    amount_paid = AmountField()
    amount_remaining = AmountField()
    lines = serializers.SerializerMethodField(help_text="Each with id, name, quantity and amount.")
    difference = serializers.SerializerMethodField(help_text="Stripe's subtotal less ours; null when it was not rated.")

    class Meta:
        model = Invoice
        fields = (
            "id",
            "number",
            "organization",
            "subscription",
            "status",
            "currency",
            "subtotal",
            "total",
            "amount_paid",
            "amount_remaining",
            "lines",
            "difference",
            "note",
            "period_start",
            "period_end",
            "created_at",
            "hosted_url",
        )
        read_only_fields = fields

    def get_lines(self, invoice: Invoice) -> list[dict[str, Any]]:
        """The lines of Stripe."""
        return [
            {
                "id": line.get("id", ""),
                "name": line["name"],
                "quantity": line["quantity"],
                "amount": _text(line["amount"], invoice.currency),
            }
            for line in invoice.lines
        ]

    def get_difference(self, invoice: Invoice) -> str | None:
        """Stripe's subtotal less ours."""
        return None if invoice.difference is None else _text(invoice.difference, invoice.currency)


class AdjustmentShape(serializers.ModelSerializer[Adjustment]):
    """What was given back, or is about to be: to the card, on the balance, or outside of Stripe."""

    organization = serializers.CharField(source="organization.name")
    invoice = serializers.CharField(source="invoice_id", allow_null=True)
    amount = AmountField()
    refund_amount = AmountField()
    credit_amount = AmountField()
    outside_amount = AmountField()
    lines = serializers.SerializerMethodField(help_text="Each with line, name and amount; none for a whole invoice.")

    class Meta:
        model = Adjustment
        fields = (
            "id",
            "organization",
            "invoice",
            "state",
            "currency",
            "amount",
            "refund_amount",
            "credit_amount",
            "outside_amount",
            "lines",
            "reason",
            "is_mirrored",
            "number",
            "error",
            "made_by",
            "created_at",
            "done_at",
        )
        read_only_fields = fields

    def get_lines(self, row: Adjustment) -> list[dict[str, Any]]:
        """The lines with their amounts as texts."""
        return [each | {"amount": _text(each["amount"], row.currency)} for each in row.lines]


class LineBody(Body):
    """A part of a line."""

    line = serializers.CharField(max_length=100, help_text="The id of the invoice's line.")
    amount = serializers.CharField(max_length=30, help_text='Such as "9.00".')


class AdjustmentBody(Body):
    """What of an invoice is given back: an amount, parts of lines, or all that is left."""

    amount = serializers.CharField(max_length=30, required=False, help_text="Of the invoice as a whole.")
    lines = LineBody(many=True, required=False)
    way = serializers.ChoiceField(WAYS, required=False, default="card")
    reason = serializers.CharField(max_length=500, help_text="Who paid reads it.")
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Only say what it would be.")


class GoodwillBody(Body):
    """A credit on the balance of an organization."""

    amount = serializers.CharField(max_length=30, help_text='Such as "9.00".')
    currency = serializers.CharField(max_length=3, help_text="The one that it is charged in.")
    reason = serializers.CharField(max_length=500, help_text="Who gets it reads it.")
