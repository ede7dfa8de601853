"""Guides: prose about an API that belongs to no single operation."""

from __future__ import annotations

from typing import Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin
from apim.catalog.models.apis import API
from apim.fields import IDField

SLUG_RULE = RegexValidator(
    r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
    gettext_lazy("Use small letters, digits and inner hyphens, such as `getting-started`."),
)
LONGEST_BODY = 200_000


class GuideQuerySet(models.QuerySet["Guide"]):
    """Guides, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else published ones of APIs one may see, and drafts of those one may change."""
        if is_admin(user):
            return self.all()
        readable = Q(is_published=True, api__in=API.objects.visible_to(user).values("pk"))
        return self.filter(readable | Q(api__in=API.objects.editable_by(user).values("pk")))

    def editable_by(self, user: Viewer) -> Self:
        """All for admins; else those of APIs one may change."""
        return self.all() if is_admin(user) else self.filter(api__in=API.objects.editable_by(user).values("pk"))

    def published(self) -> Self:
        """Those that readers find in the portal."""
        return self.filter(is_published=True)


class Guide(models.Model):
    """One page of prose about an API, in Markdown."""

    id = IDField("gde")
    api = models.ForeignKey(API, models.CASCADE, related_name="guides")
    slug = models.CharField(max_length=60, validators=[SLUG_RULE])
    title = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)  # among the guides of the API, the smallest first
    body = models.TextField(blank=True, max_length=LONGEST_BODY)  # Markdown
    is_published = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = GuideQuerySet.as_manager()

    class Meta:
        ordering = ("api", "position", "slug")
        constraints = (models.UniqueConstraint(fields=("api", "slug"), name="guide_slug_once_an_api"),)

    def __str__(self) -> str:
        return self.title
