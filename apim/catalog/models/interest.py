"""What visitors look for and want to hear of: words to search, searches without a hit, followed APIs."""

from __future__ import annotations

from typing import Self

from django.db import models

from apim.accounts.models import User, Viewer
from apim.accounts.permissions import owns_anything
from apim.catalog.models.apis import API
from apim.fields import IDField


class SearchText(models.Model):
    """What the catalogue's search looks through for one API, folded as apim.catalog.searching does it."""

    api = models.OneToOneField(API, models.CASCADE, primary_key=True, related_name="search_text")
    text = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"words of {self.api_id}"


class MissedSearchQuerySet(models.QuerySet["MissedSearch"]):
    """Terms without a hit."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins and for owners of any organization: they alone can add what was missed."""
        return self.all() if owns_anything(user) else self.none()


class MissedSearch(models.Model):
    """A term that visitors searched the catalogue for and did not find. Who searched is not kept."""

    id = IDField("mis")
    term = models.CharField(max_length=80, unique=True)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField(db_index=True)

    objects = MissedSearchQuerySet.as_manager()

    class Meta:
        ordering = ("-times", "-last_at")

    def __str__(self) -> str:
        return self.term


class FollowQuerySet(models.QuerySet["Follow"]):
    """Follows: a person's own business."""

    def visible_to(self, user: Viewer) -> Self:
        """One's own."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()


class Follow(models.Model):
    """A person who wants to hear of an API's new versions and deprecations."""

    id = IDField("fol")
    user = models.ForeignKey(User, models.CASCADE, related_name="follows")
    api = models.ForeignKey(API, models.CASCADE, related_name="follows")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FollowQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "api"), name="follow_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} follows {self.api_id}"
