"""What was received of whom: the numbers that came of each life of a worker, and what checking the sums found."""

from __future__ import annotations

from django.db import models


class ReceivedBoot(models.Model):
    """The numbers that were received of one life of a worker: what tells a repeat, and a gap.

    Shapes: received as apim.usage.sequences writes it ("1-5000,5002-7000"); gap_since None = nothing is missing between
    gaps_from and the last that came. Gaps before gaps_from are not told: what they lack may have been let go before
    numbers were noted. Outlives the records, so that a repeat is known when they are gone.
    """

    id = models.BigAutoField(primary_key=True)
    gateway_id = models.CharField(max_length=32)
    boot = models.CharField(max_length=32)
    received = models.TextField(blank=True)
    gap_since = models.DateTimeField(null=True, blank=True)
    gaps_from = models.PositiveBigIntegerField(default=1, db_default=1)
    last_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("gateway_id", "boot"), name="one_received_boot_each"),)
        indexes = (models.Index(fields=("last_at",), name="received_boot_by_time"),)

    def __str__(self) -> str:
        return f"{self.gateway_id} {self.boot}: {self.received}"


class ConservationCheck(models.Model):
    """What one check of records against numbers and sums found.

    Shapes: records and summed are those of identified callers in [since, until); findings are [code, {name: value}].
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    records = models.PositiveBigIntegerField()
    summed = models.PositiveBigIntegerField()
    findings = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"{self.at}: {self.records} records, {len(self.findings)} findings"
