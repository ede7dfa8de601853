"""What billing keeps: the connection, what the provider told, and read models of what it holds.

Amounts are whole minor units of their currency; apim.pricing.money knows how many digits that are.
"""

from __future__ import annotations

from typing import Self

from django.db import models

from apim.access.models import Subscription
from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids


class Mode(models.TextChoices):
    """Test money or real money; nothing of one is ever taken for the other."""

    TEST = "test"
    LIVE = "live"


class StripeConnection(models.Model):
    """A key to a Stripe account, one a mode; the active one is used. Shapes: faults = what the key may not do."""

    mode = models.CharField(max_length=4, choices=Mode.choices, unique=True)
    is_active = models.BooleanField(default=True)
    sealed_api_key = models.BinaryField()
    sealed_webhook_secret = models.BinaryField(default=bytes)
    account_id = models.CharField(max_length=64)
    account_name = models.CharField(max_length=200, blank=True)
    key_ending = models.CharField(max_length=8)
    faults = models.JSONField(default=list)
    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account_id} ({self.mode})"


class Customer(models.Model):
    """The payer that stands for an organization at Stripe, one a mode."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="billing_customers")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    stripe_id = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("organization", "mode"), name="one_customer_a_mode"),)

    def __str__(self) -> str:
        return self.stripe_id


class CatalogueEntry(models.Model):
    """What of the catalogue stands at Stripe: products, meters and prices, by the key we look them up by."""

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    kind = models.CharField(max_length=16)
    lookup_key = models.CharField(max_length=200)
    stripe_id = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("mode", "kind", "lookup_key"), name="one_catalogue_entry_a_key"),
        )

    def __str__(self) -> str:
        return self.lookup_key


class StripeEvent(models.Model):
    """An event as it came, kept before anything is done about it. Its id makes it one, however often it comes."""

    class State(models.TextChoices):
        STORED = "stored"
        APPLIED = "applied"
        DEAD = "dead"  # tried often enough; an admin looks at it

    id = models.CharField(max_length=64, primary_key=True)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=255, blank=True)
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.STORED)
    outcome = models.CharField(max_length=500, blank=True)  # in words: what it led to, or why it could not be applied
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()  # by Stripe's clock
    received_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-received_at",)
        indexes = (models.Index(fields=("state", "retry_at"), name="stripe_event_due"),)

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class BillingSubscription(models.Model):
    """How Stripe sees a subscription of ours. Written only from Stripe's present state, guarded by `version`."""

    subscription = models.OneToOneField(Subscription, models.CASCADE, primary_key=True, related_name="billing")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    stripe_id = models.CharField(max_length=64, blank=True, db_index=True)  # "" until it is bought
    status = models.CharField(max_length=24, blank=True)
    session_id = models.CharField(max_length=255, blank=True)  # of the checkout that is open
    session_url = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    trial_end = models.DateTimeField(null=True, blank=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    unpaid_since = models.DateTimeField(null=True, blank=True)
    is_pausing = models.BooleanField(default=False)  # the pause is ours, so its end is too
    told_stage = models.CharField(max_length=16, blank=True)  # the last stage of dunning that was mailed
    grace_until = models.DateTimeField(null=True, blank=True)  # an admin's patience: nothing is refused before
    version = models.PositiveIntegerField(default=0)
    synced_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.stripe_id or f"{self.subscription_id} not bought"


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Invoices: the business of who pays them and of admins."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins, else those of organizations one belongs to."""
        if is_admin(user):
            return self.all()
        return self.filter(organization__in=organization_ids(user, *Membership.Role.values))


class Invoice(models.Model):
    """An invoice as Stripe has it, beside what our own rating makes of the same usage.

    Shapes: lines = [{"name", "quantity", "amount"}] of Stripe, amounts in minor units; local_lines alike; difference =
    Stripe's subtotal minus ours, null until it was rated.
    """

    OPEN = "open"

    stripe_id = models.CharField(max_length=64, primary_key=True)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invoices")
    subscription = models.ForeignKey(Subscription, models.SET_NULL, null=True, related_name="invoices")
    number = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=16)
    currency = models.CharField(max_length=3)
    subtotal = models.BigIntegerField()
    total = models.BigIntegerField()
    amount_paid = models.BigIntegerField()
    amount_remaining = models.BigIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lines = models.JSONField(default=list)
    local_lines = models.JSONField(default=list)
    local_subtotal = models.BigIntegerField(null=True, blank=True)
    difference = models.BigIntegerField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)  # why it could not be rated here
    reason = models.CharField(max_length=40, blank=True)  # of Stripe: subscription_create, subscription_cycle, ...
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    created_at = models.DateTimeField()
    hosted_url = models.TextField(blank=True)
    pdf_url = models.TextField(blank=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.number or self.stripe_id


class MeterWindow(models.Model):
    """What a meter counted for a subscription in an hour, as it was last told to Stripe's outbox."""

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="meter_windows")
    meter = models.CharField(max_length=60)
    hour = models.DateTimeField()
    quantity = models.BigIntegerField(default=0)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("subscription", "meter", "hour"), name="one_meter_window_an_hour"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} {self.meter} at {self.hour:%Y-%m-%d %H}h"


class OutgoingUsage(models.Model):
    """A part of a window that is told to Stripe, once: its identifier says which one, however often it is sent."""

    class State(models.TextChoices):
        DUE = "due"
        SENT = "sent"
        DEAD = "dead"  # not accepted, or too old: a line of the next invoice or a credit note must mend it

    identifier = models.CharField(max_length=100, primary_key=True)
    window = models.ForeignKey(MeterWindow, models.CASCADE, related_name="parts")
    quantity = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    first_sent_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = (models.Index(fields=("state", "retry_at"), name="outgoing_usage_due"),)

    def __str__(self) -> str:
        return self.identifier
