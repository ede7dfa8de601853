"""Rules that owners set on their APIs, the times they fired, and events that a detector noted."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from apim.accounts.models import Membership, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.catalog.models import API, APIVersion
from apim.fields import IDField
from apim.gateways.models import Environment, Gateway


class OfAPIQuerySet(models.QuerySet):
    """Rows that belong to an API: the business of who may change it."""

    api_path = "api"

    def visible_to(self, user: Viewer) -> Self:
        """All for admins, else those of APIs of organizations one owns."""
        if is_admin(user):
            return self.all()
        owned = organization_ids(user, Membership.Role.OWNER)
        return self.filter(**{f"{self.api_path}__organization__in": owned})

    def editable_by(self, user: Viewer) -> Self:
        """Those of APIs that one may change; for admins all, those about gateways too."""
        if is_admin(user):
            return self.all()
        return self.filter(**{f"{self.api_path}__in": API.objects.editable_by(user)})


class AlertRuleQuerySet(OfAPIQuerySet):
    """Alert rules."""

    def evaluated(self) -> Self:
        """Those that are watched."""
        return self.filter(is_enabled=True, api__archived_at=None)  # one about gateways has no API


class AlertRule(models.Model):
    """What an owner wants to be told of, or an admin of gateways.

    Shapes: settings are those of the kind's template; version and environment None = all of the API. api None = about
    the gateways of the environment, None = of all. watched_until is the end of the last minute that was judged. value
    is what the last minute came to, in the unit of the kind.
    """

    class Kind(models.TextChoices):
        ERROR_SHARE = "error_share"
        LATENCY = "latency"
        ABSENCE = "absence"
        BUDGET_BURN = "budget_burn"
        REFUSALS = "refusals"
        GATEWAY_LAG = "gateway_lag"

    class State(models.TextChoices):
        OK = "ok"
        PENDING = "pending"
        FIRING = "firing"
        RESOLVED = "resolved"

    id = IDField("alr")
    api = models.ForeignKey(API, models.CASCADE, null=True, blank=True, related_name="alert_rules")
    version = models.ForeignKey(APIVersion, models.CASCADE, null=True, blank=True, related_name="alert_rules")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="alert_rules")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    settings = models.JSONField(default=dict)
    recipients = models.JSONField(default=list, blank=True)  # addresses; none = the owners of the API's team
    is_enabled = models.BooleanField(default=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.OK)
    state_since = models.DateTimeField(null=True, blank=True)
    value = models.FloatField(null=True, blank=True)
    watched_until = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AlertRuleQuerySet.as_manager()

    class Meta:
        ordering = ("api", "name", "id")

    def __str__(self) -> str:
        return self.name

    def is_snoozed(self, now: datetime) -> bool:
        """True while nobody is told."""
        return self.snoozed_until is not None and self.snoozed_until > now


class FiringQuerySet(OfAPIQuerySet):
    """What rules fired."""

    api_path = "rule__api"

    def open(self) -> Self:
        """Those that are not over."""
        return self.filter(resolved_at=None)


class Firing(models.Model):
    """One stretch of time in which a rule was broken; (rule, started_at) is its identity, so a repeat adds none.

    Shapes: worst is the value farthest from what the rule allows; detail names who, where the kind tells.
    """

    id = IDField("frg")
    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="firings")
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    worst = models.FloatField()
    detail = models.CharField(max_length=255, blank=True)
    was_snoozed = models.BooleanField(default=False)  # nobody was told
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FiringQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("rule", "started_at"), name="one_firing_each"),
            models.UniqueConstraint(fields=("rule",), condition=Q(resolved_at=None), name="one_open_firing_a_rule"),
        )

    def __str__(self) -> str:
        return f"{self.rule} at {self.started_at}"


class LagMinute(models.Model):
    """A minute in which a gateway lagged: it was silent, or a worker of it did not run what was sent to it.

    Shapes: a minute without a row was none. Units: lag_s since when, at the end of the minute.
    """

    id = models.BigAutoField(primary_key=True)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="lag_minutes")
    at = models.DateTimeField(db_index=True)
    lag_s = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("gateway", "at"), name="one_lag_a_gateway_and_minute"),)

    def __str__(self) -> str:
        return f"{self.gateway_id} at {self.at}: {self.lag_s} s"


class AnomalyQuerySet(OfAPIQuerySet):
    """What the detector noted."""


class Anomaly(models.Model):
    """An hour in which an API did not behave as in the same hour of other weeks, or answered with a new error code.

    Shapes: of a metric, expected and spread are median and scaled MAD; of a new code, expected is 0 and value counts
    calls. Quiet: nobody is told.
    """

    class Metric(models.TextChoices):
        CALLS = "calls"
        ERROR_SHARE = "error_share"
        LATENCY = "latency"
        NEW_CODE = "new_code"

    id = IDField("anm")
    api = models.ForeignKey(API, models.CASCADE, related_name="anomalies")
    metric = models.CharField(max_length=16, choices=Metric.choices)
    code = models.CharField(max_length=40, blank=True)  # of a new one: "503" or the gateway's own
    at = models.DateTimeField()
    value = models.FloatField()
    expected = models.FloatField()
    spread = models.FloatField(default=0)
    promoted_to = models.ForeignKey(AlertRule, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AnomalyQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-id")
        constraints = (models.UniqueConstraint(fields=("api", "metric", "code", "at"), name="one_anomaly_each"),)

    def __str__(self) -> str:
        return f"{self.metric} of {self.api} at {self.at}"
