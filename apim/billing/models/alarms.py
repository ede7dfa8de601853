"""What admins must know of money and what Stripe or its pages did that nobody here asked for."""

from __future__ import annotations

from django.db import models

from apim.billing.models.connection import Mode


class BillingAlarm(models.Model):
    """Something that an admin has to look at, one a kind and subject; raised anew when it happens again.

    Shapes: subject = the id at Stripe of what it is about.
    """

    class Kind(models.TextChoices):
        DRIFT = "drift"  # somebody changed at Stripe by hand what we made there
        DISPUTE = "dispute"
        DEAUTHORIZED = "deauthorized"
        FINALIZATION = "finalization"
        METER = "meter"
        PAID_TOO_LATE = "paid_too_late"

    id = models.BigAutoField(primary_key=True)
    mode = models.CharField(max_length=4, choices=Mode.choices)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    subject = models.CharField(max_length=255)
    text = models.CharField(max_length=500)
    raised_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-raised_at",)
        constraints = (models.UniqueConstraint(fields=("mode", "kind", "subject"), name="one_billing_alarm_a_subject"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
