"""Certificates with their private keys: what gateways show to callers, or to services."""

from __future__ import annotations

from typing import Self

from django.db import models

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.fields import IDField
from apim.gateways.models.environments import Environment


class CertificateQuerySet(models.QuerySet["Certificate"]):
    """Certificates and their keys."""

    def visible_to(self, user: Viewer) -> Self:
        """All of them for admins; for others those that their organizations' APIs present to services."""
        if is_admin(user):
            return self.all()
        return self.filter(organization__in=organization_ids(user, Membership.Role.OWNER))

    def editable_by(self, user: Viewer) -> Self:
        """All of them for admins."""
        return self.all() if is_admin(user) else self.none()


class Certificate(models.Model):
    """A certificate chain with its private key.

    Shapes: chain is PEM, the certificate itself first; hosts are its names, as it says. Without an organization
    gateways show it to callers; with one, that organization's APIs may show it to their services.
    """

    id = IDField("cert")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="certificates")
    name = models.SlugField(max_length=60)
    organization = models.ForeignKey(
        Organization, models.CASCADE, null=True, blank=True, related_name="client_certificates"
    )
    chain = models.TextField()
    key_sealed = models.BinaryField()
    hosts = models.JSONField(default=list)
    subject = models.CharField(max_length=500, blank=True)
    issuer = models.CharField(max_length=500, blank=True)
    fingerprint = models.CharField(max_length=64)  # SHA-256, hex
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    warned_days = models.PositiveSmallIntegerField(default=0)  # the last warning said: so many days or fewer left
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("environment", "name"), name="one_certificate_a_name"),)

    def __str__(self) -> str:
        return self.name
