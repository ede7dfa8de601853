"""Issuers of tokens. Their writes are apim.catalog.issuers, which knows whose policies name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from django.db import models
from django.db.models import Q, QuerySet

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids, owns_anything
from apim.fields import IDField
from apim.gateways.models.environments import Environment


class IssuerQuerySet(models.QuerySet["Issuer"]):
    """Issuers of tokens."""

    def visible_to(self, user: Viewer) -> Self:
        """All of them for admins and for owners, whose policies name them; else those open to one's organizations."""
        if owns_anything(user):
            return self.all()
        return self.open_to(organization_ids(user))

    def open_to(self, organizations: QuerySet[Membership, Any] | Iterable[str]) -> Self:
        """Those whose clients applications of one of these organizations may be. Shapes: ids, or a query of them."""
        return self.filter(Q(is_for_all=True) | Q(organizations__in=organizations)).distinct()

    def editable_by(self, user: Viewer) -> Self:
        """All of them for admins."""
        return self.all() if is_admin(user) else self.none()


class Issuer(models.Model):
    """An issuer of tokens that admins trust to say which application calls.

    Shapes: its keys are jwks, a JWK set, and those fetched from jwks_url, or found by discovery where neither is given.
    client_claim "" = `azp`, else `client_id`. Without is_for_all the applications of organizations alone may be its
    clients; none, where the last of these is gone.
    """

    id = IDField("iss")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="issuers")
    name = models.SlugField(max_length=60)
    issuer = models.CharField(max_length=512)
    jwks = models.TextField(blank=True)
    jwks_url = models.CharField(max_length=512, blank=True)
    client_claim = models.CharField(max_length=200, blank=True)
    is_for_all = models.BooleanField(default=True)
    organizations = models.ManyToManyField(Organization, related_name="issuers", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = IssuerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("environment", "name"), name="one_issuer_a_name"),
            models.UniqueConstraint(fields=("environment", "issuer"), name="one_registration_an_issuer"),
        )

    def __str__(self) -> str:
        return self.name

    def is_open_to(self, organization_id: str) -> bool:
        """True when the organization's applications may be its clients."""
        return self.is_for_all or self.organizations.filter(pk=organization_id).exists()
