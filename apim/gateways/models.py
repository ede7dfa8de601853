"""Environments, the gateways that serve them, and the log of access changes they follow."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids, owns_anything
from apim.fields import IDField
from apim.gateways.acme.models import ACMEAccount, CertificateOrder
from apim.gateways.issuers import Issuer
from apim.gateways.join_tokens import JoinToken

__all__ = [
    "ACMEAccount",
    "AccessRecord",
    "Certificate",
    "CertificateOrder",
    "Environment",
    "Gateway",
    "Host",
    "Issuer",
    "JoinToken",
    "Worker",
    "default_networks",
]


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


class AccessRecord(models.Model):
    """The last state of one credential, client, application, organization or subscription, as gateways need it.

    Shapes: seq is taken from the environment's row last in the writing transaction, so a reader that follows seq
    misses nothing. body is null for a removed record.
    """

    class Kind(models.TextChoices):
        CREDENTIAL = "credential"
        CLIENT = "client"
        APPLICATION = "application"
        ORGANIZATION = "organization"
        SUBSCRIPTION = "subscription"

    id = models.BigAutoField(primary_key=True)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="access_records")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    key = models.CharField(max_length=64)  # the hash for credentials and clients, else the row's id
    seq = models.PositiveBigIntegerField()
    body = models.JSONField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("environment", "kind", "key"), name="one_access_record_each"),)
        indexes = (models.Index(fields=("environment", "seq"), name="access_by_seq"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.key} at {self.seq}"


class GatewayQuerySet(models.QuerySet["Gateway"]):
    """Data planes."""

    def visible_to(self, user: Viewer) -> Self:
        """All of them for admins and for owners, who want to see their change arrive; none for others."""
        return self.all() if owns_anything(user) else self.none()

    def editable_by(self, user: Viewer) -> Self:
        """All of them for admins."""
        return self.all() if is_admin(user) else self.none()


class Gateway(models.Model):
    """A named data plane of an environment.

    Shapes: group "" = of none. next_token_hash is of a credential that the gateway was handed and did not use yet; once
    it does, token_hash is void.
    """

    class State(models.TextChoices):
        SERVING = "serving", _("Serving")
        DRAINING = "draining", _("Draining")  # serves, and says that it is not ready
        QUARANTINED = "quarantined", _("In quarantine")  # serves what it has, and is sent no new state

    id = IDField("gw")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="gateways")
    name = models.SlugField(max_length=60, unique=True)
    group = models.SlugField(max_length=40, blank=True, default="", db_default="")
    state = models.CharField(
        max_length=12, choices=State.choices, default=State.SERVING, db_default=State.SERVING.value
    )
    state_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    is_canary = models.BooleanField(default=False, db_default=False)
    takes_trials = models.BooleanField(default=False, db_default=False)  # in one of its workers, as it said last
    token_hash = models.CharField(max_length=64, unique=True)
    next_token_hash = models.CharField(max_length=64, blank=True, default="", db_default="", db_index=True)
    token_issued_at = models.DateTimeField(null=True, blank=True)
    rotation_asked_at = models.DateTimeField(null=True, blank=True)
    refused_format = models.PositiveIntegerField(default=0, db_default=0)  # that it speaks and we do not; 0 = none
    clock_wrong_at = models.DateTimeField(null=True, blank=True)  # when it last told of calls at impossible moments
    clock_off_s = models.BigIntegerField(default=0, db_default=0)  # and how far off its clock was; ahead is above 0
    software_version = models.CharField(max_length=40, blank=True)
    host = models.CharField(max_length=255, blank=True)
    is_push_connected = models.BooleanField(default=False)
    targets = models.JSONField(default=list, blank=True)  # as reported last, fields as TargetReport
    events = models.JSONField(default=list, blank=True)  # the last ones, fields as EventReport
    enrolled_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    objects = GatewayQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


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


class Worker(models.Model):
    """What one process of a gateway said of itself last."""

    id = models.BigAutoField(primary_key=True)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="workers")
    slot = models.PositiveSmallIntegerField()
    pid = models.PositiveIntegerField()
    boot = models.CharField(max_length=32)
    revision = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    access_seq = models.PositiveBigIntegerField(default=0)
    problems = models.JSONField(default=list)
    stats = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("slot",)
        constraints = (models.UniqueConstraint(fields=("gateway", "slot"), name="one_worker_a_slot"),)

    def __str__(self) -> str:
        return f"{self.gateway} worker {self.slot}"
