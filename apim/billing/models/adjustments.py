"""What was given back: of an invoice, or as goodwill. Rows are never changed but by what Stripe says of them."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.billing.models.connection import Mode
from apim.billing.models.invoices import Invoice
from apim.fields import IDField


class AdjustmentQuerySet(models.QuerySet["Adjustment"]):
    """Adjustments: the business of who paid, of who sold, and of admins."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins, else those of one's organizations and those of invoices for products that these own."""
        if is_admin(user):
            return self.all()
        sold = organization_ids(user, Membership.Role.OWNER)
        paid = Q(organization__in=organization_ids(user, *Membership.Role.values))
        return self.filter(paid | Q(invoice__subscription__product__organization__in=sold))

    def standing(self) -> Self:
        """Those that count: given back, or about to be."""
        return self.filter(state__in=(Adjustment.State.PENDING, Adjustment.State.DONE))


class Adjustment(models.Model):
    """Money given back, with who did it and why.

    Shapes: amounts are minor units; amount = refund_amount (to the card) + credit_amount (on the balance, taken off the
    next invoices) + outside_amount (paid back elsewhere), or what an unpaid invoice was lowered by; invoice None =
    goodwill; lines = [{"line", "name", "amount"}], [] = the invoice as a whole. key makes one of what is sent twice.
    """

    class State(models.TextChoices):
        PENDING = "pending"  # kept here, Stripe has not said yes yet
        DONE = "done"
        FAILED = "failed"  # Stripe said no: nothing was given back
        VOID = "void"  # taken back at Stripe

    id = IDField("adj")
    key = models.CharField(max_length=120, unique=True)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="adjustments")
    invoice = models.ForeignKey(Invoice, models.CASCADE, null=True, blank=True, related_name="adjustments")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    refund_amount = models.BigIntegerField(default=0)
    credit_amount = models.BigIntegerField(default=0)
    outside_amount = models.BigIntegerField(default=0)
    lines = models.JSONField(default=list)
    reason = models.CharField(max_length=500, blank=True)
    is_mirrored = models.BooleanField(default=False)  # made at Stripe, by hand
    stripe_id = models.CharField(max_length=64, blank=True, db_index=True)  # credit note, refund or balance movement
    number = models.CharField(max_length=64, blank=True)  # of the credit note
    refunds = models.JSONField(default=list)  # the ids of the refunds that belong to it
    error = models.CharField(max_length=500, blank=True)
    made_by = models.CharField(max_length=200)
    attempts = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = AdjustmentQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("state", "retry_at"), name="adjustment_due"),)

    def __str__(self) -> str:
        return self.number or self.id
