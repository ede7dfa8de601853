"""Roll-ups by version alone, or by version and caller: what pages over many APIs and long times read.

They say the same as the roll-ups by operation and caller, and are made in the same transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models

from apim.usage import bands


class TimedQuerySet(models.QuerySet):
    """Roll-ups by time."""

    def between(self, period: str, since: datetime, until: datetime) -> Self:
        """Rows of period that start in [since, until)."""
        return self.filter(period=period, at__gte=since, at__lt=until)


class _ByVersion(models.Model):
    """The dimensions. Shapes: version_id '' stands for none."""

    id = models.BigAutoField(primary_key=True)
    period = models.CharField(max_length=8)  # of usage.models.Rollup.Period
    at = models.DateTimeField()
    environment_id = models.CharField(max_length=32)
    version_id = models.CharField(max_length=32, blank=True)
    calls = models.PositiveBigIntegerField(default=0)

    objects = TimedQuerySet.as_manager()

    class Meta:
        abstract = True


class _ByEnd(_ByVersion):
    """Calls by who ended them how.

    Shapes: calls = answered + rejected + failed + refused + unreached; lost ones had a worker die under them and are
    no calls. rejected and failed: 4xx and 5xx of the service; refused and unreached: 4xx and 5xx of the gateway.
    """

    answered = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    unreached = models.PositiveBigIntegerField(default=0)
    lost = models.PositiveBigIntegerField(default=0)

    ENDS = ("answered", "rejected", "failed", "refused", "unreached", "lost")

    class Meta:
        abstract = True


class VersionRollup(_ByEnd):
    """Calls and bytes of a version by who ended them how.

    Shapes: version_id EVERY holds the sums over all versions, so that a page of everything reads few rows.
    """

    EVERY = "*"

    request_bytes = models.PositiveBigIntegerField(default=0)
    response_bytes = models.PositiveBigIntegerField(default=0)

    DIMENSIONS = ("period", "at", "environment_id", "version_id")
    SUMS = ("calls", *_ByEnd.ENDS, "request_bytes", "response_bytes")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("period", "at", "environment_id", "version_id"), name="one_version_rollup_each"
            ),
        )
        indexes = (models.Index(fields=("period", "version_id", "at"), name="version_rollup_of_version"),)

    def __str__(self) -> str:
        return f"{self.calls} calls in the {self.period} of {self.at}"


class CallerRollup(_ByEnd):
    """Calls of an application to a version by who ended them how. Shapes: application_id '' stands for none."""

    application_id = models.CharField(max_length=32, blank=True)

    DIMENSIONS = ("period", "at", "environment_id", "version_id", "application_id")
    SUMS = ("calls", *_ByEnd.ENDS)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("period", "at", "environment_id", "version_id", "application_id"),
                name="one_caller_rollup_each",
            ),
        )
        indexes = (
            models.Index(fields=("period", "version_id", "at"), name="caller_rollup_of_version"),
            # Minutes, which are most of what taking in writes, are few where pages read them.
            models.Index(
                fields=("period", "application_id", "at"),
                condition=models.Q(period__in=("hour", "day")),
                name="caller_rollup_of_application",
            ),
        )

    def __str__(self) -> str:
        return f"{self.calls} calls in the {self.period} of {self.at}"


class SideRollup(models.Model):
    """Calls by who ended them how, seen from another side than that of what was called.

    Shapes: side says what identifier is of: CREDENTIAL, which has no calls of nobody, or GATEWAY, which has all calls
    that a gateway counted but those of sandboxes, a demo's included. Summed by the hour and day alone: minutes are in
    the records.
    """

    CREDENTIAL = "credential"
    GATEWAY = "gateway"

    id = models.BigAutoField(primary_key=True)
    period = models.CharField(max_length=8)  # of usage.models.Rollup.Period
    at = models.DateTimeField()
    environment_id = models.CharField(max_length=32)
    side = models.CharField(max_length=12)
    identifier = models.CharField(max_length=32)
    calls = models.PositiveBigIntegerField(default=0)
    answered = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    unreached = models.PositiveBigIntegerField(default=0)
    lost = models.PositiveBigIntegerField(default=0)

    DIMENSIONS = ("period", "at", "environment_id", "side", "identifier")
    SUMS = ("calls", *_ByEnd.ENDS)

    objects = TimedQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("side", "identifier", "period", "at", "environment_id"), name="one_side_rollup_each"
            ),
        )
        indexes = (models.Index(fields=("period", "at"), name="side_rollup_by_time"),)

    def __str__(self) -> str:
        return f"{self.calls} calls of {self.side} {self.identifier} in the {self.period} of {self.at}"


class VersionLatency(bands.BandOfBuckets, _ByVersion):
    """How many calls of a version took how long.

    Shapes: version_id EVERY holds the sums over all versions, so that a page of everything reads few rows.
    """

    EVERY = "*"

    DIMENSIONS = ("period", "at", "environment_id", "version_id", "bucket")
    SUMS = bands.SUMS

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("period", "version_id", "at", "environment_id", "bucket"), name="one_version_latency_each"
            ),
        )

    def __str__(self) -> str:
        return f"{self.calls} calls from bucket {self.bucket} on in the {self.period} of {self.at}"
