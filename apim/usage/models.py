"""What gateways counted: the records of exchanges, kept for days, and their roll-ups, kept for months."""

from __future__ import annotations

from typing import Self

from django.db import models

from apim.usage import bands
from apim.usage.application_months import ApplicationMonth
from apim.usage.plan_moves import CHARGED, PlanMove
from apim.usage.receipts import ConservationCheck, ReceivedBoot
from apim.usage.record_files import RecordFile
from apim.usage.trace import trace_of
from apim.usage.version_rollups import CallerRollup, SideRollup, TimedQuerySet, VersionLatency, VersionRollup

__all__ = (
    "ApplicationMonth",
    "CallerRollup",
    "ConservationCheck",
    "PlanMove",
    "ReceivedBoot",
    "RecordFile",
    "SideRollup",
    "VersionLatency",
    "VersionRollup",
)  # beside all that is defined here


class UsageRecordQuerySet(models.QuerySet):
    """The log of exchanges, as pages read it."""

    def newest_first(self) -> Self:
        """The log backwards."""
        return self.order_by("-at", "-id")


class RollupQuerySet(TimedQuerySet):
    """Roll-ups by operation and caller."""


class UsageRollupQuerySet(RollupQuerySet):
    """Roll-ups of calls."""

    def completed(self) -> Self:
        """Without the exchanges that a killed worker had in flight."""
        return self.exclude(status=0)

    def charged(self) -> Self:
        """Only what was admitted, so what quotas were charged for: not what the gateway itself refused."""
        return self.filter(CHARGED)


class UsageRecord(models.Model):
    """One exchange of an identified caller. (gateway_id, boot, seq) is its identity: a replay changes nothing.

    Shapes: status 0 = the worker died with the exchange in flight; such a record is `indeterminate`.
    Units: durations in microseconds, sizes in bytes.
    """

    id = models.BigAutoField(primary_key=True)
    gateway_id = models.CharField(max_length=32)
    boot = models.CharField(max_length=32)
    seq = models.PositiveBigIntegerField()
    request_id = models.CharField(max_length=40, db_index=True)
    client_request_id = models.CharField(max_length=128, blank=True)
    at = models.DateTimeField()
    environment_id = models.CharField(max_length=32)
    version_id = models.CharField(max_length=32, blank=True)
    operation = models.CharField(max_length=255, blank=True)  # "GET /accounts/{id}"
    path = models.CharField(max_length=255, blank=True)
    organization_id = models.CharField(max_length=32, blank=True)
    application_id = models.CharField(max_length=32, blank=True)
    credential_id = models.CharField(max_length=32, blank=True)
    subscription_id = models.CharField(max_length=32, blank=True)
    plan_version_id = models.CharField(max_length=32, blank=True)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=40, blank=True)  # of the gateway's own problem, empty for the upstream's answers
    is_indeterminate = models.BooleanField(default=False)
    duration_us = models.PositiveIntegerField()
    upstream_us = models.PositiveIntegerField(default=0)
    request_bytes = models.PositiveBigIntegerField(default=0)
    response_bytes = models.PositiveBigIntegerField(default=0)

    objects = UsageRecordQuerySet.as_manager()

    class Meta:
        # On PostgreSQL the table is divided by day, so its keys hold the time as well, and id has no index: ADR 35. Its
        # unique key begins with request_id, which has no index of its own there: ADR 42.
        constraints = (models.UniqueConstraint(fields=("gateway_id", "boot", "seq"), name="usage_record_once"),)
        indexes = (
            models.Index(fields=("application_id", "-at"), name="usage_of_application"),
            models.Index(fields=("version_id", "-at"), name="usage_of_version"),
            models.Index(fields=("at",), name="usage_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.request_id} {self.status}"

    @property
    def trace(self) -> list[tuple[str, str]]:
        """How the gateway decided, step by step."""
        return trace_of(
            operation=self.operation,
            credential=self.credential_id,
            application=self.application_id,
            subscription=self.subscription_id,
            plan=self.plan_version_id,
            code=self.code,
            status=self.status,
            is_indeterminate=self.is_indeterminate,
        )


class KeptTrace(models.Model):
    """What a gateway noted of one exchange, kept for a short while to explain it.

    Shapes: body is a CallTrace of gateway_sync.trace_wire as JSON; version_id and application_id say who may see it.
    """

    id = models.BigAutoField(primary_key=True)
    request_id = models.CharField(max_length=40, unique=True)
    gateway_id = models.CharField(max_length=32)
    environment_id = models.CharField(max_length=32)
    received_at = models.DateTimeField(db_index=True)
    at = models.DateTimeField()
    version_id = models.CharField(max_length=40, blank=True)
    application_id = models.CharField(max_length=40, blank=True)
    operation = models.CharField(max_length=512, blank=True)  # or the path, where none was met
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=80, blank=True)
    duration_us = models.PositiveBigIntegerField()
    body = models.TextField()

    class Meta:
        indexes = (models.Index(fields=("version_id", "-at"), name="trace_of_version"),)

    def __str__(self) -> str:
        return f"{self.request_id} {self.status}"


class UsageBatch(models.Model):
    """The receipt of a batch of anonymous cells, so that a repeated batch adds nothing."""

    id = models.BigAutoField(primary_key=True)
    gateway_id = models.CharField(max_length=32)
    boot = models.CharField(max_length=32)
    number = models.PositiveBigIntegerField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("gateway_id", "boot", "number"), name="usage_batch_once"),)

    def __str__(self) -> str:
        return f"{self.gateway_id} {self.boot} {self.number}"


class Rollup(models.Model):
    """What roll-ups share: the start of a period, and the dimensions pages ask for; '' stands for none."""

    class Period(models.TextChoices):
        MINUTE = "minute"
        HOUR = "hour"
        DAY = "day"

    id = models.BigAutoField(primary_key=True)
    period = models.CharField(max_length=8, choices=Period.choices)
    at = models.DateTimeField()
    environment_id = models.CharField(max_length=32)
    version_id = models.CharField(max_length=32, blank=True)
    operation = models.CharField(max_length=255, blank=True)
    application_id = models.CharField(max_length=32, blank=True)
    calls = models.PositiveBigIntegerField(default=0)

    class Meta:
        abstract = True


class UsageRollup(Rollup):
    """Calls and bytes by status, code and subscription. Indeterminate exchanges have status 0.

    Shapes: plan_version_id is what the subscription's first call in the row was made under; what others were is in
    PlanMove. '' = nobody's, or counted before plans were noted.
    """

    subscription_id = models.CharField(max_length=32, blank=True)
    plan_version_id = models.CharField(max_length=32, blank=True, default="", db_default="")
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=40, blank=True)
    request_bytes = models.PositiveBigIntegerField(default=0)
    response_bytes = models.PositiveBigIntegerField(default=0)

    DIMENSIONS = (
        "period",
        "at",
        "environment_id",
        "version_id",
        "operation",
        "application_id",
        "subscription_id",
        "status",
        "code",
    )
    SUMS = ("calls", "request_bytes", "response_bytes")

    objects = UsageRollupQuerySet.as_manager()

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
                ),
                name="one_usage_rollup_each",
            ),
        )
        indexes = (
            models.Index(fields=("period", "version_id", "at"), name="rollup_of_version"),
            models.Index(fields=("period", "application_id", "at"), name="rollup_of_application"),
            models.Index(fields=("period", "subscription_id", "at"), name="rollup_of_subscription"),
            models.Index(
                fields=("period", "plan_version_id", "at"),
                condition=models.Q(period__in=("hour", "day")),
                name="rollup_of_plan_version",
            ),
            # The few that went wrong.
            models.Index(
                fields=("period", "version_id", "at"),
                condition=models.Q(status__gte=400),
                name="rollup_of_version_errors",
            ),
        )

    def __str__(self) -> str:
        return f"{self.calls} calls with {self.status} in the {self.period} of {self.at}"


class ShadowRollup(Rollup):
    """What policies in shadow would have done to calls. Shapes: done is named as in gateway_sync.runtime.core.steps."""

    kind = models.CharField(max_length=40)
    done = models.CharField(max_length=16)

    DIMENSIONS = ("period", "at", "environment_id", "version_id", "operation", "application_id", "kind", "done")
    SUMS = ("calls",)

    objects = RollupQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("period", "at", "environment_id", "version_id", "operation", "application_id", "kind", "done"),
                name="one_shadow_rollup_each",
            ),
        )
        indexes = (models.Index(fields=("period", "version_id", "at"), name="shadow_of_version"),)

    def __str__(self) -> str:
        return f"{self.calls} calls that {self.kind} would have {self.done} in the {self.period} of {self.at}"


class LatencyRollup(bands.BandOfBuckets, Rollup):
    """How many calls took how long, so that rows add up."""

    DIMENSIONS = ("period", "at", "environment_id", "version_id", "operation", "application_id", "bucket")
    SUMS = bands.SUMS

    objects = RollupQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("period", "at", "environment_id", "version_id", "operation", "application_id", "bucket"),
                name="one_latency_rollup_each",
            ),
        )
        indexes = (
            models.Index(fields=("period", "version_id", "at"), name="latency_of_version"),
            models.Index(fields=("period", "application_id", "at"), name="latency_of_application"),
        )

    def __str__(self) -> str:
        return f"{self.calls} calls from bucket {self.bucket} on in the {self.period} of {self.at}"
