"""What the living demo made and how far it is; there is no row while there is no demo."""

from __future__ import annotations

from django.db import models


class Demo(models.Model):
    """The one demo of an installation.

    Shapes: made = {"organization", "application", "subscription", "credential", "plan": [ids]}, everything that removal
    takes away; sealed_keys holds the keys of made applications as JSON. next_tick_at is taken by who sends next, so
    that two workers do not send twice. backfilled_from is how far back the made history reaches already; None = none
    yet.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    environment_id = models.CharField(max_length=32)
    is_on = models.BooleanField(default=False)
    is_removing = models.BooleanField(default=False)
    made = models.JSONField(default=dict)
    sealed_keys = models.BinaryField(blank=True, default=b"")
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)
    stopped_at = models.DateTimeField(null=True, blank=True)
    next_tick_at = models.DateTimeField()
    last_sent_at = models.DateTimeField(null=True, blank=True)
    sent = models.PositiveBigIntegerField(default=0)
    error = models.CharField(max_length=255, blank=True)  # why the last calls could not be sent
    backfilled_from = models.DateTimeField(null=True, blank=True)
    backfill_until = models.DateTimeField()  # the made history ends here, the real calls begin

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_demo"),)

    def __str__(self) -> str:
        return "living demo"


class DemoRefusal(models.Model):
    """Calls with the revoked key in a minute; gateways count them without an identity, so removal must know."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(unique=True)
    calls = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.calls} refused in {self.at}"
