"""Endpoints of organizations, the events they are told, and each try to tell one."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from apim.accounts.models import Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.fields import IDField

LONGEST_URL = 1000


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    """Endpoints: their organization's business alone."""

    def visible_to(self, user: Viewer) -> Self:
        """Every endpoint for admins, else those of one's organizations."""
        return self.all() if is_admin(user) else self.filter(organization__in=organization_ids(user))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees an endpoint may change it."""
        return self.visible_to(user)


class Endpoint(models.Model):
    """A URL that is told what happens in an organization.

    Shapes: event_types are of webhooks.events.TYPES; during a roll the previous secret signs too, until previous_until.
    """

    id = IDField("whe")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField(max_length=LONGEST_URL)
    description = models.CharField(max_length=120, blank=True)
    event_types = models.JSONField(default=list)
    secret_sealed = models.BinaryField()
    previous_secret_sealed = models.BinaryField(blank=True, default=b"")
    previous_until = models.DateTimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=255, blank=True)  # of who or what switched it off
    failing_since = models.DateTimeField(null=True, blank=True)  # no delivery has succeeded since
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.description or self.url


class Event(models.Model):
    """Something that happened, written in the transaction in which it did.

    Shapes: organization is None for what happened to subject, an API version, and concerns all who subscribed to it,
    until it is spread to an event for each of them.
    """

    id = IDField("evt")
    type = models.CharField(max_length=60)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, blank=True, related_name="webhook_events")
    subject = models.CharField(max_length=32, blank=True)
    data = models.JSONField(default=dict)
    once_key = models.CharField(max_length=160, null=True, blank=True, unique=True)  # of what is told once only
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    is_spread = models.BooleanField(default=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("id",), condition=Q(is_spread=False), name="webhook_event_unspread"),)

    def __str__(self) -> str:
        return self.type


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Deliveries: the business of their endpoint's organization."""

    def visible_to(self, user: Viewer) -> Self:
        """Every delivery for admins, else those to endpoints of one's organizations."""
        return self.all() if is_admin(user) else self.filter(endpoint__organization__in=organization_ids(user))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees a delivery may send it again."""
        return self.visible_to(user)

    def due(self, now: datetime) -> Self:
        """Those whose next attempt has come, the longest waiting first."""
        waiting = self.filter(state=Delivery.State.PENDING, retry_at__lte=now, endpoint__is_enabled=True)
        return waiting.order_by(F("retry_at"), "id")


class Delivery(models.Model):
    """One event on its way to one endpoint; the event's id is the webhook-id of each attempt."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = IDField("whd")
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)  # since it was last sent by hand, for the pauses
    retry_at = models.DateTimeField(null=True, blank=True)  # taken by who sends it until then
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("endpoint", "event"), name="webhook_delivery_once"),)
        indexes = (
            models.Index(fields=("retry_at",), condition=Q(state="pending"), name="webhook_delivery_due"),
            models.Index(fields=("endpoint", "-id"), name="webhook_delivery_list"),
        )

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}"


class Attempt(models.Model):
    """One request to an endpoint and what came back. Shapes: status is None without an answer, and error says why."""

    id = IDField("wha")
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    response = models.TextField(blank=True)  # how it begins

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.status or self.error} at {self.at:%Y-%m-%d %H:%M:%S}"
