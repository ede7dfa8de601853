"""Reports of keys that were found in public."""

from __future__ import annotations

from typing import Self

from django.db import models

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin, of_own_teams
from apim.fields import IDField


class LeakReportQuerySet(models.QuerySet["LeakReport"]):
    """Reports of keys that were found in public: the business of who sees the keys."""

    def visible_to(self, user: Viewer) -> Self:
        """Every report for admins, else those of keys that one sees."""
        return self.all() if is_admin(user) else self.filter(of_own_teams(user, "credential__application__"))


class LeakReport(models.Model):
    """Somebody found a live key of ours where it does not belong. Keys that are not ours leave no row."""

    class Outcome(models.TextChoices):
        REVOKED = "revoked"
        WARNED = "warned"

    id = IDField("lkr")
    credential = models.ForeignKey("access.Credential", models.CASCADE, related_name="leak_reports")
    found_at = models.CharField(max_length=500, blank=True)  # where, as the reporter says
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    reported_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = LeakReportQuerySet.as_manager()

    class Meta:
        ordering = ("-reported_at",)

    def __str__(self) -> str:
        return f"{self.credential} at {self.reported_at:%Y-%m-%d}"
