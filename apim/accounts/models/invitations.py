"""Offers of a role, sent by mail."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone

from apim.accounts.models.people import Membership, Organization, Viewer, is_admin
from apim.fields import IDField


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Offers of a role."""

    def visible_to(self, user: Viewer) -> Self:
        """Every invitation for admins, else those of the organizations one leads."""
        return self.all() if is_admin(user) else self.filter(organization__in=Membership.objects.leading(user))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees an invitation may withdraw it."""
        return self.visible_to(user)

    def open(self, now: datetime) -> Self:
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, expires_at__gt=now)


class Invitation(models.Model):
    """An offer of a role, sent by e-mail; the link carries a secret of which only the hash is kept."""

    id = IDField("inv")
    email = models.EmailField()
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Membership.Role.choices)
    team = models.SlugField(max_length=60, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.email} to {self.organization}"

    @property
    def has_expired(self) -> bool:
        """True when its link is good no more."""
        return self.expires_at <= timezone.now()
