"""What each application called in a month: by it pages find the busiest of thousands without adding all of them up.

They say the same as the roll-ups by version and caller, and are made in the same transaction.
"""

from __future__ import annotations

from django.db import models


class ApplicationMonth(models.Model):
    """The calls of an application in a calendar month in UTC: how many, on which days, and when the last one came.

    Shapes: application_id '' stands for none. days has a bit for each day with a call, that of the 1st is 1. last_at is
    the minute of the last call, of what was counted before these rows were kept its hour or day. Lost calls are none.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    environment_id = models.CharField(max_length=32)
    application_id = models.CharField(max_length=32, blank=True)
    calls = models.PositiveBigIntegerField(default=0)
    days = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    DIMENSIONS = ("at", "environment_id", "application_id")
    SUMS = ("calls", "days", "last_at")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("at", "environment_id", "application_id"), name="one_application_month_each"
            ),
        )

    def __str__(self) -> str:
        return f"{self.calls} calls of {self.application_id} in the month of {self.at}"
