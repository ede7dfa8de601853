"""Under which plan calls were made, for sums that hold calls of two: of a subscription that moved between two calls.

A row of UsageRollup names the plan version of its first call, and nearly always of all. What else was counted in it is
told here, beside it; so the sums stay as few as they are, and by plan they are exact all the same.
"""

from __future__ import annotations

from django.db import models

# What was admitted, so what quotas were charged for: neither what gateways themselves refused nor what was lost.
CHARGED = ~models.Q(status=0) & ~models.Q(status__in=(401, 402, 403, 429), code__gt="")


class PlanMove(models.Model):
    """Calls that a row of UsageRollup counts, made under another plan version than the row names.

    Shapes: plan_version_id is what they were made under; named_version_id what the row names, '' when it names none.
    """

    id = models.BigAutoField(primary_key=True)
    period = models.CharField(max_length=8)  # of usage.models.Rollup.Period
    at = models.DateTimeField()
    environment_id = models.CharField(max_length=32)
    version_id = models.CharField(max_length=32, blank=True)
    operation = models.CharField(max_length=255, blank=True)
    application_id = models.CharField(max_length=32, blank=True)
    subscription_id = models.CharField(max_length=32, blank=True)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=40, blank=True)
    plan_version_id = models.CharField(max_length=32)
    named_version_id = models.CharField(max_length=32, blank=True)
    calls = models.PositiveBigIntegerField(default=0)
    request_bytes = models.PositiveBigIntegerField(default=0)
    response_bytes = models.PositiveBigIntegerField(default=0)

    DIMENSIONS = (
        "period", "at", "environment_id", "version_id", "operation", "application_id", "subscription_id", "status",
        "code", "plan_version_id", "named_version_id",
    )  # fmt: skip
    SUMS = ("calls", "request_bytes", "response_bytes")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=(
                    "period",
                    "at",
                    "environment_id",
                    "version_id",
                    "operation",
                    "application_id",
                    "subscription_id",
                    "status",
                    "code",
                    "plan_version_id",
                    "named_version_id",
                ),
                name="one_plan_move_each",
            ),
        )

    def __str__(self) -> str:
        return f"{self.calls} calls under {self.plan_version_id} in the {self.period} of {self.at}"
