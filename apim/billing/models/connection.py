"""What billing keeps of its connection: the keys, one a mode, and the events that came."""

from __future__ import annotations

from django.db import models


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
    outcome = models.CharField(max_length=500, blank=True)  # what it led to, or why it was not applied: apim.ui.said
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
