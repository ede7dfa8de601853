"""Shapes of prepaid credits. Amounts are decimal texts in the currency."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.billing.models import LedgerEntry
from apim.pricing.money import from_minor, money_text


class CreditsShape(serializers.Serializer[Any]):
    """How the credits of a subscription stand."""

    subscription = serializers.CharField()
    currency = serializers.CharField()
    balance = serializers.CharField(help_text="Below zero: used beyond the credits, paid from the next ones.")
    affordable_calls = serializers.IntegerField(
        allow_null=True, help_text="Calls that the balance pays for; null where a call may cost any amount, or nothing."
    )
    exhausted_at = serializers.DateTimeField(allow_null=True, help_text="When it is used up at the present pace.")
    is_exhausted = serializers.BooleanField(help_text="Calls are refused with 402 `credits-exhausted`.")
    top_ups = serializers.ListField(child=serializers.CharField(), help_text="What may be bought at once.")
    automatic = serializers.BooleanField(help_text="Whether top-ups are bought by themselves.")


class TopUpBody(Body):
    """A top-up to be paid."""

    amount = serializers.CharField(max_length=30, help_text="One of the `top_ups`, such as `20.00`.")
    keep_card = serializers.BooleanField(
        required=False, default=False, help_text="Let the card be charged for automatic top-ups, once they are on."
    )


class TopUpShape(serializers.Serializer[Any]):
    """A top-up that was begun."""

    id = serializers.CharField()
    subscription = serializers.CharField(source="subscription_id")
    state = serializers.CharField()
    amount = serializers.SerializerMethodField()
    currency = serializers.CharField()
    checkout_url = serializers.CharField(source="session_url", help_text="Where a person pays it.")

    def get_amount(self, top_up: Any) -> str:
        """In the currency's own digits."""
        return money_text(from_minor(top_up.amount, top_up.currency), top_up.currency)


class LedgerEntryShape(serializers.ModelSerializer[LedgerEntry]):
    """A movement of credits; it is never changed."""

    amount = serializers.SerializerMethodField(help_text="Below zero for what was drawn, ended or taken back.")
    balance = serializers.SerializerMethodField(help_text="After the movement.")
    origin = serializers.SerializerMethodField(help_text="Where the credits that moved came from.")

    class Meta:
        model = LedgerEntry
        fields = ("number", "key", "at", "kind", "amount", "balance", "currency", "origin", "reason", "made_by")
        read_only_fields = fields

    def get_amount(self, entry: LedgerEntry) -> str:
        """In the currency's own digits."""
        return money_text(from_minor(entry.amount, entry.currency), entry.currency)

    def get_balance(self, entry: LedgerEntry) -> str:
        """In the currency's own digits."""
        return money_text(from_minor(entry.balance, entry.currency), entry.currency)

    def get_origin(self, entry: LedgerEntry) -> str:
        """The source of the grant; "" for what was used beyond the credits."""
        return entry.grant.source if entry.grant is not None else ""
