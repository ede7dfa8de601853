"""What gateways said that they counted."""

from __future__ import annotations

from django.db import models


class ToldBoot(models.Model):
    """How many records a life of a worker had noted, as its gateway said, to be compared with what was received.

    Shapes: due = the number that was told at due_at, and must come in time; a later one is noted once this one came,
    which has_come says. told_at is when the gateway last spoke of this life, to the day.
    """

    id = models.BigAutoField(primary_key=True)
    gateway_id = models.CharField(max_length=32)  # outlives the gateway
    boot = models.CharField(max_length=32)
    due = models.PositiveBigIntegerField()
    due_at = models.DateTimeField()
    has_come = models.BooleanField(default=False, db_default=False)
    told_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("gateway_id", "boot"), name="one_told_boot_each"),)
        indexes = (
            models.Index(fields=("due_at",), name="told_boot_that_waits", condition=models.Q(has_come=False)),
            models.Index(fields=("told_at",), name="told_boot_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.gateway_id} {self.boot}: {self.due}"
