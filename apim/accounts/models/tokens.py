"""Tokens of the management API, log-ins, and the one row about this installation."""

from __future__ import annotations

from typing import Self

from django.db import models

from apim.accounts.models.people import User, Viewer, is_admin, own_id
from apim.fields import IDField


class APITokenQuerySet(models.QuerySet["APIToken"]):
    """Tokens of the management API."""

    def visible_to(self, user: Viewer) -> Self:
        """Every token for admins, else one's own."""
        return self.all() if is_admin(user) else self.filter(user__in=own_id(user))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees a token may revoke it."""
        return self.visible_to(user)


class APIToken(models.Model):
    """A scoped bearer token of the management API; only its hash is kept."""

    id = IDField("tok")
    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=24)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)  # of accounts.scopes.SCOPES
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = APITokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class LogIn(models.Model):
    """One time that somebody logged in, or failed to with the right address; shown to that person alone."""

    id = IDField("lin")
    user = models.ForeignKey(User, models.CASCADE, related_name="log_ins")
    at = models.DateTimeField(auto_now_add=True)
    is_success = models.BooleanField(default=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=200, blank=True)  # what the browser calls itself
    session_key = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("user", "-id"), name="log_in_of_user"),)

    def __str__(self) -> str:
        return f"{self.user} at {self.at:%Y-%m-%d %H:%M}"


class Installation(models.Model):
    """The one row about this installation itself."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    base_url = models.URLField(blank=True)
    set_up_at = models.DateTimeField(null=True, blank=True)
    set_up_token_hash = models.CharField(max_length=64, blank=True)  # of the one-time link

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_installation"),)

    def __str__(self) -> str:
        return self.base_url or "this installation"
