"""Invoices as Stripe has them, beside what our own rating makes of the same usage."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from apim.access.models import Subscription
from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.billing.models.connection import Mode


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Invoices: the business of who pays them and of admins."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins, else those of organizations one belongs to."""
        if is_admin(user):
            return self.all()
        return self.filter(organization__in=organization_ids(user, *Membership.Role.values))

    def known_to(self, user: Viewer) -> Self:
        """Those that one's organizations pay, and those for products that they own."""
        return self.filter(
            Q(pk__in=self.visible_to(user).values("pk")) | Q(pk__in=self.adjustable_by(user).values("pk"))
        )

    def adjustable_by(self, user: Viewer) -> Self:
        """All for admins, else those for products that one's organizations own: who sells may give money back."""
        if is_admin(user):
            return self.all()
        return self.filter(subscription__product__organization__in=organization_ids(user, Membership.Role.OWNER))


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
    amount_refunded = models.BigIntegerField(default=0, db_default=0)  # of the charge that paid it
    attempts = models.PositiveSmallIntegerField(default=0)
    # the attempts after which its holder was asked to act
    told_attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
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
