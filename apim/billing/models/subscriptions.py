"""How Stripe sees the subscriptions of ours."""

from __future__ import annotations

from django.db import models

from apim.access.models import Subscription
from apim.billing.models.connection import Mode
from apim.products.models import PlanVersion


class BillingSubscription(models.Model):
    """How Stripe sees a subscription of ours. Written only from Stripe's present state, guarded by `version`."""

    subscription = models.OneToOneField(Subscription, models.CASCADE, primary_key=True, related_name="billing")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    account_id = models.CharField(max_length=64, blank=True, default="", db_default="")  # "" = not known
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
    told_trial_end = models.DateTimeField(null=True, blank=True)  # the end of a trial that was mailed ahead
    grace_until = models.DateTimeField(null=True, blank=True)  # an admin's patience: nothing is refused before
    # of Stripe: its time is the payer's time
    test_clock = models.CharField(max_length=64, blank=True, default="", db_default="")
    version = models.PositiveIntegerField(default=0)
    switch_claim = models.CharField(max_length=80, blank=True, default="", db_default="")  # a change under way
    switch_claimed_until = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.stripe_id or f"{self.subscription_id} not bought"


class GrantedVersion(models.Model):
    """Since when a billed subscription has a plan version: usage is counted by the one in force at its hour."""

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="granted_versions")
    plan_version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+")
    since = models.DateTimeField()

    class Meta:
        ordering = ("since", "id")

    def __str__(self) -> str:
        return f"{self.plan_version} since {self.since:%Y-%m-%d %H:%M}"
