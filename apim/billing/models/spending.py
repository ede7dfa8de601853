"""What subscribers want of their costs, and what they were told of them."""

from __future__ import annotations

from django.db import models

from apim.access.models import Subscription


class SpendingControl(models.Model):
    """The most that an organization wants to spend on a subscription each period, and whether it wants mails of usage.

    Shapes: cap = minor units of the plan's currency, None = none.
    """

    subscription = models.OneToOneField(Subscription, models.CASCADE, primary_key=True, related_name="spending")
    cap = models.BigIntegerField(null=True, blank=True)
    wants_mails = models.BooleanField(default=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.subscription_id}: {self.cap if self.cap is not None else 'no cap'}"


class UsageNotice(models.Model):
    """That a threshold was passed in a period, written with the mails that say so: one, whoever looks and how often.

    Shapes: subject = the name of a meter, or "spend"; threshold in per cent.
    """

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="usage_notices")
    period_start = models.DateTimeField()
    subject = models.CharField(max_length=80)
    threshold = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("subscription", "period_start", "subject", "threshold"), name="one_notice_a_threshold"
            ),
        )

    def __str__(self) -> str:
        return f"{self.threshold} % of {self.subject}"
