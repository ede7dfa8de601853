"""Meters: what of the traffic plans charge for."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.catalog.models import NAME_RULE
from apim.fields import IDField
from apim.pricing.meters import MeterTerms


class MeterQuerySet(models.QuerySet["Meter"]):
    """Meters, as people may see them: as the plans of the same organization."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else those one owns, and those of the default organization for any owner."""
        if is_admin(user):
            return self.all()
        owned = organization_ids(user, Membership.Role.OWNER)
        seen = Q(organization__in=owned)
        return self.filter(seen | Q(organization__is_default=True) if owned.exists() else seen)

    def editable_by(self, user: Viewer) -> Self:
        """All for admins; else those of organizations one owns whose owners edit plans."""
        if is_admin(user):
            return self.all()
        return self.filter(
            organization__in=organization_ids(user, Membership.Role.OWNER), organization__owners_edit_plans=True
        )


class Meter(models.Model):
    """What of the traffic plans charge for. What it counts stays once a plan with prices names it.

    Shapes: version counts the definitions it has had; weights = {"POST /transfers": 5}.
    """

    id = IDField("mtr")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="meters")
    name = models.SlugField(max_length=60, unique=True, validators=[NAME_RULE])
    display_name = models.CharField(max_length=120)
    unit = models.CharField(max_length=40, default="call")
    aggregation = models.CharField(max_length=16, default="sum")
    source = models.CharField(max_length=32, default="requests")
    where = models.CharField(max_length=500)
    weights = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MeterQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.display_name

    @property
    def terms(self) -> MeterTerms:
        """What it counts, for meter_quantity."""
        return MeterTerms(
            unit=self.unit, source=self.source, where=self.where, weights=self.weights, aggregation=self.aggregation
        )
