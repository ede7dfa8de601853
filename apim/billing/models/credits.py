"""Prepaid credits: what was bought or given, and every movement of it. Amounts are whole minor units of the currency.

The ledger is append-only: the database itself refuses to change an entry, to skip a number, and a balance that is not
the one before it plus the entry (migration `0008_guard_the_ledger`). So the balance can be proved from the entries.
"""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apim.access.models import Subscription
from apim.accounts.models import Viewer
from apim.billing.models.connection import Mode
from apim.fields import IDField
from apim.products.models import PlanVersion


class CreditAccount(models.Model):
    """The credits of a subscription: when they began to be drawn on, and when more of them are bought unasked.

    Shapes: balance and entries are those of the last entry; automatic_amount 0 = nothing is bought unasked; seen is a
    sum of calls that tells whether there is anything new to draw.
    """

    subscription = models.OneToOneField(Subscription, models.PROTECT, primary_key=True, related_name="credits")
    currency = models.CharField(max_length=3)
    balance = models.BigIntegerField(default=0)
    entries = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    seen = models.CharField(max_length=64, blank=True)
    drawn_at = models.DateTimeField(null=True, blank=True)
    automatic_below = models.BigIntegerField(default=0)
    automatic_amount = models.BigIntegerField(default=0)
    automatic_monthly_cap = models.BigIntegerField(default=0)
    automatic_note = models.CharField(max_length=500, blank=True)  # why it was turned off
    payment_method = models.CharField(max_length=64, blank=True)  # the card kept for buying unasked
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"credits of {self.subscription_id}"


class TopUpQuerySet(models.QuerySet["TopUp"]):
    """Top-ups: the business of who subscribed and of admins."""

    def of_month(self) -> Self:
        """Those that count against what may be bought unasked."""
        return self.filter(kind=TopUp.Kind.AUTOMATIC, state__in=(TopUp.State.OPEN, TopUp.State.PAID))


class TopUp(models.Model):
    """A purchase of credits. Written from Stripe's present state, guarded by `version`.

    Shapes: given_back is what was refunded or is disputed; bought is the plan version that the first one brings.
    """

    class Kind(models.TextChoices):
        CHECKOUT = "checkout"
        AUTOMATIC = "automatic"

    class State(models.TextChoices):
        OPEN = "open"
        PAID = "paid"
        FAILED = "failed"
        EXPIRED = "expired"

    id = IDField("top")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="top_ups")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    bought = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    given_back = models.BigIntegerField(default=0)
    keeps_card = models.BooleanField(default=False)
    session_id = models.CharField(max_length=255, blank=True, db_index=True)
    session_url = models.TextField(blank=True)
    intent_id = models.CharField(max_length=255, blank=True, db_index=True)
    error = models.CharField(max_length=500, blank=True)
    made_by = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)  # a worker asks Stripe to charge it: no other one does

    objects = TopUpQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("subscription",),
                condition=Q(kind="automatic", state="open"),
                name="one_automatic_top_up_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return self.id


class CreditGrant(models.Model):
    """Credits bought or given, drawn on in the order of apim.pricing.credits. `left` is what its entries add up to."""

    class Source(models.TextChoices):
        PURCHASE = "purchase"  # the first top-up
        TOP_UP = "top-up"
        GOODWILL = "goodwill"
        RECURRING = "recurring"  # included in each period
        REVERSAL = "reversal"  # of a refund that failed, or a dispute that was won

    id = IDField("crg")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="credit_grants")
    source = models.CharField(max_length=10, choices=Source.choices)
    priority = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    left = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True, blank=True)
    top_up = models.ForeignKey(TopUp, models.PROTECT, null=True, blank=True, related_name="grants")
    reason = models.CharField(max_length=255, blank=True)
    made_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("priority", F("expires_at").asc(nulls_last=True), "created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(amount__gt=0, left__gte=0, left__lte=F("amount")), name="a_grant_is_drawn_to_zero_at_most"
            ),
        )
        indexes = (models.Index(fields=("expires_at",), condition=Q(left__gt=0), name="credit_grant_expiring"),)

    def __str__(self) -> str:
        return self.id


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    """Movements: the business of who subscribed, of who offers the product and of admins."""

    def visible_to(self, user: Viewer) -> Self:
        """Those of subscriptions that user may see."""
        return self.filter(subscription__in=Subscription.objects.visible_to(user))


class LedgerEntry(models.Model):
    """A movement of credits, once: its key says which one. Shapes: of a draw, usage = {meter: quantity of its period}.

    A draw or debt without a grant is what was used beyond the balance; the next grant covers it first.
    """

    class Kind(models.TextChoices):
        GRANT = "grant", _("Grant")
        DRAW = "draw", _("Draw")
        EXPIRY = "expiry", _("Expiry")
        TAKE_BACK = "take-back", _("Take Back")  # refunded or disputed
        COVER = "cover", _("Cover")  # used beyond the balance, a later grant pays: two entries that add up to nothing

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="ledger")
    number = models.PositiveIntegerField()
    key = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    balance = models.BigIntegerField()
    grant = models.ForeignKey(CreditGrant, models.PROTECT, null=True, blank=True, related_name="entries")
    period_start = models.DateTimeField(null=True, blank=True)
    usage = models.JSONField(default=dict)
    reason = models.CharField(max_length=255, blank=True)
    made_by = models.CharField(max_length=200)
    at = models.DateTimeField()

    objects = LedgerQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("subscription", "number"), name="one_ledger_entry_a_number"),)
        indexes = (models.Index(fields=("subscription", "period_start"), name="ledger_of_period"),)

    def __str__(self) -> str:
        return self.key
