"""Who may call what: applications, their subscriptions and their credentials."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.access.leak_reports import LeakReport
from apim.access.transfers import ApplicationTransfer
from apim.accounts.models import Membership, Organization, User, Viewer
from apim.accounts.permissions import is_admin, of_own_teams, organization_ids
from apim.fields import IDField
from apim.gateways.models import Environment, Issuer
from apim.products.models import PlanVersion, Product

__all__ = ("ApplicationTransfer", "LeakReport")  # beside all that is defined here


class ApplicationQuerySet(models.QuerySet["Application"]):
    """Applications: the business of their organization alone, and within it of their team, if they have one."""

    def visible_to(self, user: Viewer) -> Self:
        """Every application for admins, else those of one's organizations but of other teams there."""
        return self.all() if is_admin(user) else self.filter(of_own_teams(user))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees an application may change it."""
        return self.visible_to(user)

    def named_to(self, user: Viewer) -> Self:
        """Of those that a subscription covers, all but what other teams of one's own organizations have."""
        if is_admin(user):
            return self.all()
        return self.filter(~Q(organization__in=organization_ids(user)) | of_own_teams(user))


class Application(models.Model):
    """A program that calls; it belongs to an organization, or to one of its teams, and holds the credentials."""

    class State(models.TextChoices):
        ACTIVE = "active", gettext_lazy("Active")
        SUSPENDED = "suspended", gettext_lazy("Suspended")

    id = IDField("app")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="applications")
    team = models.SlugField(max_length=60, blank=True, default="", db_default="")  # "" = the whole organization's
    name = models.SlugField(max_length=60)
    display_name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ("organization", "name")
        constraints = (models.UniqueConstraint(fields=("organization", "name"), name="application_name_once"),)

    def __str__(self) -> str:
        return self.display_name


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Subscriptions: the business of who subscribed and of who offers the product.

    They are shared within an organization. Who is bound to a team there sees those that cover an application which is
    theirs to see, or none, and changes those that cover no other.
    """

    def visible_to(self, user: Viewer) -> Self:
        """Every one for admins, else those of one's organizations and those of products one's organizations own."""
        if is_admin(user):
            return self.all()
        offered = organization_ids(user, Membership.Role.OWNER)
        return self.filter(_shared_with(user) | Q(product__organization__in=offered))

    def editable_by(self, user: Viewer) -> Self:
        """Those that user may change and cancel: as a member of the organization that subscribed, for the teams."""
        if is_admin(user):
            return self.all()
        return self.filter(Q(organization__in=organization_ids(user)) & ~Q(Exists(_covered(user, is_own=False))))

    def decidable_by(self, user: Viewer) -> Self:
        """Those that user may approve, reject, pause and end: as an owner of the product's organization."""
        if is_admin(user):
            return self.all()
        return self.filter(product__organization__in=organization_ids(user, Membership.Role.OWNER))

    def live(self) -> Self:
        """Those that gateways know."""
        return self.filter(lifecycle__in=Subscription.LIVE)

    def awaiting_decision(self) -> Self:
        """The inbox: requests to subscribe and requests to change the plan."""
        pending = Q(lifecycle=Subscription.Lifecycle.PENDING, awaits_payment=False)
        return self.filter(pending | Q(requested_plan_version__isnull=False, awaits_payment=False))

    def with_names(self) -> Self:
        """With the rows that every page prints beside a subscription."""
        return self.select_related(
            "organization", "product__organization", "environment", "plan_version__plan", "requested_plan_version__plan"
        )


def _covered(user: Viewer, *, is_own: bool) -> models.QuerySet[Any]:
    """What ties a subscription to applications that user may see, or to those of other teams."""
    ties = Subscription.applications.through.objects.filter(subscription=OuterRef("pk"))
    mine = of_own_teams(user, "application__")
    return ties.filter(mine if is_own else ~mine)


def _shared_with(user: Viewer) -> Q:
    """Subscriptions of organizations of user that cover an application which is theirs to see, or none at all."""
    ties = Subscription.applications.through.objects.filter(subscription=OuterRef("pk"))
    is_for_them = Q(Exists(_covered(user, is_own=True))) | ~Q(Exists(ties))
    return Q(organization__in=organization_ids(user)) & is_for_them


class Subscription(models.Model):
    """An organization's right to use a product in an environment, shared by its applications."""

    class Lifecycle(models.TextChoices):
        PENDING = "pending"
        ACTIVE = "active"
        PAUSED = "paused"
        CANCELED = "canceled"  # works until ends_at
        ENDED = "ended"
        REJECTED = "rejected"

    class Payment(models.TextChoices):
        NONE = "none"
        OK = "ok"
        GRACE = "grace"
        RESTRICTED = "restricted"
        SUSPENDED = "suspended"

    LIVE = (Lifecycle.PENDING, Lifecycle.ACTIVE, Lifecycle.PAUSED, Lifecycle.CANCELED)

    id = IDField("sub")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="subscriptions")
    product = models.ForeignKey(Product, models.PROTECT, related_name="subscriptions")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="subscriptions")
    plan_version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="subscriptions")
    requested_plan_version = models.ForeignKey(  # a change to a plan with manual approval, until it is decided
        PlanVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )
    lifecycle = models.CharField(max_length=16, choices=Lifecycle.choices)
    payment = models.CharField(max_length=16, choices=Payment.choices, default=Payment.NONE)
    awaits_payment = models.BooleanField(default=False)  # pending until it is paid for the first time
    is_out_of_credits = models.BooleanField(default=False)  # of a prepaid plan
    allowance = models.BigIntegerField(null=True, blank=True)  # calls that credits pay for, counted since then
    allowance_since = models.DateTimeField(null=True, blank=True)
    capped_until = models.DateTimeField(null=True, blank=True)  # the most to be spent is spent; calls wait until then
    is_throttled = models.BooleanField(default=False, db_default=False)  # calls pass at a part of the plan's rate
    billing_anchor = models.DateTimeField(null=True, blank=True)  # what billing periods are counted from
    name = models.CharField(max_length=120, blank=True)  # of the document that declared it
    note = models.CharField(max_length=255, blank=True)  # of who asked, to who decides
    reason = models.CharField(max_length=255, blank=True)  # of a rejection or a pause
    requested_by = models.CharField(max_length=200)
    decided_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(null=True, blank=True)  # of what has to be decided
    reminded_at = models.DateTimeField(null=True, blank=True)  # those who decide, that it waits
    decided_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    applications = models.ManyToManyField(Application, related_name="subscriptions")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "product", "environment"),
                condition=models.Q(lifecycle__in=("pending", "active", "paused", "canceled")),
                name="one_live_subscription_each",
            ),
        )

    def __str__(self) -> str:
        return f"{self.organization} to {self.product}"

    @property
    def is_live(self) -> bool:
        """True while it is the organization's one subscription to the product there."""
        return self.lifecycle in self.LIVE

    @property
    def is_awaiting_decision(self) -> bool:
        """True while it stands in the inbox of the product's owners."""
        is_asked = self.lifecycle == self.Lifecycle.PENDING or self.requested_plan_version_id is not None
        return is_asked and not self.awaits_payment


class CredentialQuerySet(models.QuerySet["Credential"]):
    """Keys: the business of who has to do with their application."""

    def visible_to(self, user: Viewer) -> Self:
        """Every key for admins, else those of the applications that one sees."""
        return self.all() if is_admin(user) else self.filter(of_own_teams(user, "application__"))

    def editable_by(self, user: Viewer) -> Self:
        """Who sees a key may roll and revoke it."""
        return self.visible_to(user)

    def live(self) -> Self:
        """Those that gateways know, the old ones of an overlap included."""
        return self.filter(state__in=Credential.LIVE)


class Credential(models.Model):
    """What an application calls with: an API key, kept as a keyed hash, a client of an issuer, or a certificate.

    Shapes: of a client, issuer and client_id are what its tokens say, and key_hash is that of both in the environment;
    prefix is what people tell it by. registration is the issuer as admins registered it; without one, the client is
    known to APIs of the application's own organization alone. A dead client gives its hash up when the same client is
    registered again.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        ROLLING = "rolling"  # the old one of an overlap, dies at expires_at
        REVOKED = "revoked"
        EXPIRED = "expired"

    class Kind(models.TextChoices):
        API_KEY = "api_key"
        CLIENT = "client"
        CERTIFICATE = "certificate"

    LIVE = (State.ACTIVE, State.ROLLING)

    id = IDField("crd")
    application = models.ForeignKey(Application, models.CASCADE, related_name="credentials")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="credentials")
    product = models.ForeignKey(Product, models.CASCADE, null=True, blank=True, related_name="credentials")
    label = models.CharField(max_length=120, blank=True)
    prefix = models.CharField(max_length=24, db_index=True)
    key_hash = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.API_KEY)
    issuer = models.CharField(max_length=512, blank=True)
    client_id = models.CharField(max_length=512, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)  # SHA-256 of a certificate, hex
    registration = models.ForeignKey(Issuer, models.SET_NULL, null=True, blank=True, related_name="clients")
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    successor = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="predecessors")
    creator = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")  # suspended with them
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    allowed_networks = models.JSONField(default=list, db_default=[], blank=True)  # CIDR blocks; empty = any
    end_told_days = models.PositiveSmallIntegerField(null=True, blank=True)  # before its end, when it was last told

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.shown} of {self.application}"

    @property
    def shown(self) -> str:
        """What people tell it by: the client id, or how the key begins."""
        return self.client_id or f"{self.prefix}…"

    @property
    def is_client(self) -> bool:
        """True for a client of an issuer, which calls with tokens."""
        return self.kind == self.Kind.CLIENT

    @property
    def is_certificate(self) -> bool:
        """True for a client certificate; issuer and client_id are its issuer and subject, as far as they are known."""
        return self.kind == self.Kind.CERTIFICATE

    @property
    def noun(self) -> str:
        """What people call it: key, client or certificate."""
        if self.kind == self.Kind.API_KEY:
            return _("key")
        return _("client") if self.kind == self.Kind.CLIENT else _("certificate")

    @property
    def is_for_own_apis(self) -> bool:
        """True for a client of an issuer that nobody registered: APIs of other organizations do not know it."""
        return self.is_client and self.registration_id is None

    @property
    def is_live(self) -> bool:
        """True while gateways know it; an expiry that has just passed is noticed by them first."""
        return self.state in self.LIVE
