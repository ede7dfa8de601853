"""Host names of gateways, and what holds for who calls by them."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin, owns_anything
from apim.fields import IDField
from apim.gateways.models.environments import Environment


class HostQuerySet(models.QuerySet["Host"]):
    """Host names."""

    def visible_to(self, user: Viewer) -> Self:
        """All of them for admins and for owners, whose callers use them; none for others."""
        return self.all() if owns_anything(user) else self.none()

    def editable_by(self, user: Viewer) -> Self:
        """All of them for admins."""
        return self.all() if is_admin(user) else self.none()


class Host(models.Model):
    """A host name of an environment's gateways, exact or `*.example.com`, and what holds for its callers.

    Shapes: api and version are names, "" = every API by its own path; base_path, without a slash at its end, stands
    for the API (or its version) in the paths that callers use.
    """

    class ClientCertificates(models.TextChoices):
        OFF = "off", _("Off")
        OPTIONAL = "optional", _("Optional")
        REQUIRED = "required", _("Required")

    class CertificateSource(models.TextChoices):
        KEPT = "kept", _("Kept")
        ACME = "acme", "ACME"

    id = IDField("host")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="hosts")
    name = models.CharField(max_length=253)
    api = models.CharField(max_length=100, blank=True)
    version = models.CharField(max_length=100, blank=True)
    base_path = models.CharField(max_length=200, blank=True)
    is_redirected_to_https = models.BooleanField(default=False)
    hsts_max_age_s = models.PositiveIntegerField(default=0)  # 0 = callers are not told to come by HTTPS only
    client_certificates = models.CharField(
        max_length=8, choices=ClientCertificates.choices, default=ClientCertificates.OFF
    )
    client_ca = models.TextField(blank=True)  # PEM of the authorities whose client certificates are taken
    certificate_source = models.CharField(
        max_length=4, choices=CertificateSource.choices, default=CertificateSource.KEPT
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = HostQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("environment", "name"), name="one_host_a_name"),)

    def __str__(self) -> str:
        return self.name
