"""What the platform keeps of itself: promotions with what they changed, and how long each family of rows is kept."""

from __future__ import annotations

from typing import Self

from django.core.validators import MinValueValidator
from django.db import models

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin
from apim.fields import IDField
from apim.gateways.models import Environment


class PromotionQuerySet(models.QuerySet["Promotion"]):
    """Promotions."""

    def visible_to(self, user: Viewer) -> Self:
        """Everything for admins, nothing for others."""
        return self.all() if is_admin(user) else self.none()


class Promotion(models.Model):
    """What was brought from one environment to another.

    Shapes: items = [{"kind", "key", "label", "before", "after"}], before and after being what the target had and has;
    undoes = the promotion that this one takes back.
    """

    id = IDField("prm")
    source = models.ForeignKey(Environment, models.CASCADE, related_name="promotions_from")
    target = models.ForeignKey(Environment, models.CASCADE, related_name="promotions_to")
    items = models.JSONField(default=list)
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField(auto_now_add=True)
    undoes = models.OneToOneField("self", models.CASCADE, null=True, blank=True, related_name="undone_by")

    objects = PromotionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.source} to {self.target}"


class RetentionRule(models.Model):
    """How long rows of a family are kept, where it is not the default. Units: days."""

    family = models.CharField(max_length=40, primary_key=True)  # a name of apim.platform.storage.FAMILIES
    days = models.PositiveIntegerField(validators=(MinValueValidator(1),))
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.family} for {self.days} days"
