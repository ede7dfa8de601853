"""What meters counted, and what of it is told to Stripe."""

from __future__ import annotations

from django.db import models

from apim.access.models import Subscription


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
