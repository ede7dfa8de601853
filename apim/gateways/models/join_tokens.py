"""Join tokens: what a gateway on another host comes by, once, before it has credentials."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin
from apim.audit.actor import LONGEST_LABEL
from apim.fields import IDField
from apim.gateways.models.environments import Environment


class JoinTokenQuerySet(models.QuerySet["JoinToken"]):
    """Tokens of gateways that are not there yet."""

    def visible_to(self, user: Viewer) -> Self:
        """All of them for admins, none for others."""
        return self.all() if is_admin(user) else self.none()

    def editable_by(self, user: Viewer) -> Self:
        """All of them for admins."""
        return self.visible_to(user)

    def open_at(self, now: datetime) -> Self:
        """Those that can still be used."""
        return self.filter(used_at=None, expires_at__gt=now)


class JoinToken(models.Model):
    """A token by which one gateway gets its credentials, once.

    Shapes: name is the gateway's; nonce_hash is of what the gateway that used it made up: it alone may ask again, when
    its answer was lost.
    """

    id = IDField("gwj")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="join_tokens")
    name = models.SlugField(max_length=60)
    group = models.SlugField(max_length=40, blank=True, default="", db_default="")
    token_hash = models.CharField(max_length=64, unique=True)
    nonce_hash = models.CharField(max_length=64, blank=True, default="")
    created_by = models.CharField(max_length=LONGEST_LABEL)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = JoinTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name
