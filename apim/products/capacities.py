"""How much the services behind an API bear."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from apim.catalog.models import API
from apim.fields import IDField


class Capacity(models.Model):
    """How many calls a second the services behind an API bear, as its owner says. No row = nobody said."""

    id = IDField("cap")
    api = models.OneToOneField(API, models.CASCADE, related_name="capacity")
    calls_per_s = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "capacities"

    def __str__(self) -> str:
        return f"{self.calls_per_s} a second for {self.api_id}"
