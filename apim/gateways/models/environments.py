"""Environments: places to run, and what holds for all that runs there."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Viewer
from apim.accounts.permissions import is_admin, owns_anything
from apim.fields import IDField


def default_networks() -> list[str]:
    """Upstream networks of a fresh environment: loopback and private ones."""
    return ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]


class EnvironmentQuerySet(models.QuerySet["Environment"]):
    """Places to run."""

    def visible_to(self, user: Viewer) -> Self:
        """All of them for admins and for owners, who publish into them; none for others."""
        return self.all() if owns_anything(user) else self.none()

    def editable_by(self, user: Viewer) -> Self:
        """All of them for admins."""
        return self.all() if is_admin(user) else self.none()

    def waiting_to_publish(self) -> Self:
        """Those whose gateways have not been sent the wanted state."""
        return self.filter(Q(revision__gt=F("published_revision")) | Q(access_seq__gt=F("published_access_seq")))


class Environment(models.Model):
    """A place to run. `revision` counts wanted states, `published_revision` the last one sent to gateways."""

    class TrialBy(models.TextChoices):
        GATEWAYS = "gateways", _("The gateways that are marked as canaries")
        WORKER = "worker", _("One worker of each gateway")
        SHARE = "share", _("A share of the gateways")

    id = IDField("env")
    name = models.SlugField(max_length=60, unique=True)
    display_name = models.CharField(max_length=120, blank=True)
    base_url = models.URLField(blank=True)  # where callers reach its gateways
    allowed_networks = models.JSONField(default=default_networks)  # CIDR blocks that upstreams may live in
    allow_public_networks = models.BooleanField(default=True)
    allow_unverified_upstreams = models.BooleanField(default=False)  # lets an upstream say tls.verify: false
    address_rate_per_s = models.PositiveIntegerField(default=500)  # each client address, before authentication
    address_burst = models.PositiveIntegerField(default=1000)
    # gateways that nobody told of revocations for so long refuse keys; 0 = they go on for ever
    max_revocation_age_s = models.PositiveIntegerField(default=0, db_default=0)
    policies = models.JSONField(default=list)  # [{kind: settings}]
    # gateways also answer from documents, under /sandbox.{api}
    has_sandbox = models.BooleanField(default=False, db_default=False)
    acme_directory = models.URLField(max_length=500, blank=True)  # whose certificates hosts may have
    acme_contact = models.EmailField(blank=True)
    has_agreed_to_acme_terms = models.BooleanField(default=False)
    revision = models.PositiveBigIntegerField(default=0)
    published_revision = models.PositiveBigIntegerField(default=0)
    access_seq = models.PositiveBigIntegerField(default=0)
    published_access_seq = models.PositiveBigIntegerField(default=0)
    access_check = models.JSONField(default=dict, db_default={}, blank=True)  # what its access records were, digested
    touched_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    trial_s = models.PositiveIntegerField(default=0, db_default=0)  # what canaries serve before others; 0 = no trial
    trial_by = models.CharField(
        max_length=8, choices=TrialBy.choices, default=TrialBy.GATEWAYS, db_default=TrialBy.GATEWAYS.value
    )
    trial_share = models.PositiveSmallIntegerField(default=10, db_default=10)  # percent of the gateways, by SHARE
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.display_name or self.name

    @property
    def is_waiting_to_publish(self) -> bool:
        """True while gateways have not been sent the wanted state."""
        return self.revision > self.published_revision or self.access_seq > self.published_access_seq
