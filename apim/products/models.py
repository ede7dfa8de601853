"""Products bundle operations of versions; plans say how much of them a subscriber may use."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.catalog.models import NAME_RULE, APIVersion
from apim.fields import IDField
from apim.gateways.models import Environment
from apim.pricing.terms import Terms, parse_terms
from apim.products.capacities import Capacity
from apim.products.metering import Meter

__all__ = ["Capacity", "Ceiling", "Meter", "Plan", "PlanVersion", "Product", "ProductItem", "ProductPlan"]


class PlanQuerySet(models.QuerySet["Plan"]):
    """Plans, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else those one owns, those of the default organization for any owner, and those on offer.

        The plans of the default organization are what admins prepare for every owner's products.
        """
        if is_admin(user):
            return self.all()
        owned = organization_ids(user, Membership.Role.OWNER)
        offers = ProductPlan.objects.filter(plan=OuterRef("pk"), product__in=Product.objects.visible_to(user))
        seen = Q(organization__in=owned) | Q(Exists(offers)) & self._open_to(user)
        if owned.exists():
            seen |= Q(organization__is_default=True)
        return self.filter(seen)

    def editable_by(self, user: Viewer) -> Self:
        """All for admins; else those of organizations one owns whose owners edit plans."""
        if is_admin(user):
            return self.all()
        return self.filter(
            organization__in=organization_ids(user, Membership.Role.OWNER), organization__owners_edit_plans=True
        )

    def active(self) -> Self:
        """Those that are not archived."""
        return self.filter(archived_at=None)

    def open_to(self, organization: Organization) -> Self:
        """Those that an organization may choose: public ones, its own, and private ones offered to it."""
        invited = Plan.offered_to.through.objects.filter(plan=OuterRef("pk"), organization=organization)
        return self.filter(Q(visibility=Plan.Visibility.PUBLIC) | Q(organization=organization) | Q(Exists(invited)))

    def offered_to(self, user: Viewer) -> Self:
        """Those that a visitor may choose: public ones, and private ones offered to an organization of theirs.

        Owners and admins see the private plans that they edit.
        """
        if is_admin(user):
            return self.all()
        return self.filter(Q(organization__in=organization_ids(user, Membership.Role.OWNER)) | self._open_to(user))

    def _open_to(self, user: Viewer) -> Q:
        invited = Plan.offered_to.through.objects.filter(
            plan=OuterRef("pk"), organization__in=organization_ids(user, *Membership.Role.values)
        )
        return Q(visibility=Plan.Visibility.PUBLIC) | Q(Exists(invited))


class ProductQuerySet(models.QuerySet["Product"]):
    """Products, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else those of one's organizations, and public ones with something to call."""
        if is_admin(user):
            return self.all()
        callable_items = ProductItem.objects.filter(product=OuterRef("pk"), version__state__in=APIVersion.CALLABLE)
        return self.filter(
            Q(organization__in=organization_ids(user))
            | Q(visibility=Product.Visibility.PUBLIC, archived_at=None) & Q(Exists(callable_items))
        )

    def editable_by(self, user: Viewer) -> Self:
        """All for admins; else those of organizations one owns."""
        if is_admin(user):
            return self.all()
        return self.filter(organization__in=organization_ids(user, Membership.Role.OWNER))

    def active(self) -> Self:
        """Those that are not archived."""
        return self.filter(archived_at=None)


class Plan(models.Model):
    """A named offer; what it grants is in its versions. A private one is for the organizations it is offered to."""

    class Visibility(models.TextChoices):
        PUBLIC = "public", _("Public")
        PRIVATE = "private", _("Private")

    id = IDField("pln")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="plans")
    name = models.SlugField(max_length=60, unique=True, validators=[NAME_RULE])
    display_name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    visibility = models.CharField(max_length=16, choices=Visibility.choices, default=Visibility.PUBLIC)
    offered_to = models.ManyToManyField(Organization, related_name="plans_offered", blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.display_name


class PlanVersion(models.Model):
    """The terms of a plan at one time; immutable once active.

    Shapes: rate, quotas and weights as of apim.products.limits.Terms; pricing = what a Plan document says about money
    and meters, complete; null when it says nothing.
    """

    class WhenUnconfirmed(models.TextChoices):
        BY_PRICE = ""  # refuse where it is paid in advance, else share
        REFUSE = "refuse"
        SHARE = "share"

    class WhenUnrecorded(models.TextChoices):
        REFUSE = "refuse"
        SERVE = "serve"

    class State(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        ARCHIVED = "archived"

    class Approval(models.TextChoices):
        AUTO = "auto"
        MANUAL = "manual"

    id = IDField("plv")
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    approval = models.CharField(max_length=16, choices=Approval.choices, default=Approval.AUTO)
    rate = models.JSONField(null=True)
    quotas = models.JSONField(default=list)
    weights = models.JSONField(default=dict, db_default={}, blank=True)
    when_unconfirmed = models.CharField(
        max_length=8,
        choices=WhenUnconfirmed.choices,
        blank=True,
        default=WhenUnconfirmed.BY_PRICE,
        db_default=WhenUnconfirmed.BY_PRICE.value,
    )
    when_unrecorded = models.CharField(
        max_length=8,
        choices=WhenUnrecorded.choices,
        default=WhenUnrecorded.REFUSE,
        db_default=WhenUnrecorded.REFUSE.value,
    )
    timezone = models.CharField(max_length=64, default="UTC")
    pricing = models.JSONField(null=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("plan", "-number")
        constraints = (
            models.UniqueConstraint(fields=("plan", "number"), name="plan_version_number_once"),
            models.UniqueConstraint(
                fields=("plan",), condition=models.Q(state="active"), name="one_active_plan_version"
            ),
        )

    def __str__(self) -> str:
        return f"{self.plan} version {self.number}"

    @cached_property
    def terms(self) -> Terms:
        """What the version costs; the free terms for one that says nothing about money."""
        terms, faults = parse_terms(self.pricing or {})
        if terms is None:  # checked when it was saved
            raise ValueError(f"the prices of {self.pk} cannot be read: {faults}")
        return terms

    @property
    def is_priced(self) -> bool:
        """True when something must be paid for."""
        return bool((self.pricing or {}).get("prices"))


class Product(models.Model):
    """What applications subscribe to."""

    class Visibility(models.TextChoices):
        PUBLIC = "public", _("Public")
        INTERNAL = "internal", _("Internal")

    id = IDField("prd")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="products")
    name = models.SlugField(max_length=60, unique=True, validators=[NAME_RULE])
    display_name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    visibility = models.CharField(max_length=16, choices=Visibility.choices, default=Visibility.PUBLIC)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    plans = models.ManyToManyField(Plan, through="ProductPlan", related_name="products")

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.display_name


class ProductPlan(models.Model):
    """A plan on offer for a product, in the order shown."""

    product = models.ForeignKey(Product, models.CASCADE)
    plan = models.ForeignKey(Plan, models.PROTECT)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("product", "plan"), name="plan_once_a_product"),)

    def __str__(self) -> str:
        return f"{self.plan} of {self.product}"


class ProductItem(models.Model):
    """A version in a product. operations = ["GET /accounts*", ...]; empty means every operation."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="items")
    version = models.ForeignKey(APIVersion, models.PROTECT, related_name="product_items")
    operations = models.JSONField(default=list)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("product", "version"), name="version_once_a_product"),)

    def __str__(self) -> str:
        return f"{self.version} in {self.product}"


class Ceiling(models.Model):
    """The most that plans may grant, and what they grant where they say nothing.

    Shapes: a row names an environment or an organization; the organization's values win over the environment's.
    Null = inherited, and without any value unlimited.
    """

    LIMITS = (
        "max_rate_per_s", "max_per_hour", "max_per_day", "max_per_month", "default_rate_per_s", "default_per_month",
    )  # fmt: skip

    id = IDField("cei")
    environment = models.OneToOneField(Environment, models.CASCADE, null=True, blank=True, related_name="ceiling")
    organization = models.OneToOneField(Organization, models.CASCADE, null=True, blank=True, related_name="ceiling")
    max_rate_per_s = models.PositiveIntegerField(null=True, blank=True)
    max_per_hour = models.PositiveBigIntegerField(null=True, blank=True)
    max_per_day = models.PositiveBigIntegerField(null=True, blank=True)
    max_per_month = models.PositiveBigIntegerField(null=True, blank=True)
    default_rate_per_s = models.PositiveIntegerField(null=True, blank=True)
    default_per_month = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(environment__isnull=True) ^ models.Q(organization__isnull=True),
                name="ceiling_names_one_scope",
            ),
        )

    def __str__(self) -> str:
        return f"ceiling of {self.environment or self.organization}"

    def clean(self) -> None:
        """Refuses a default above its own maximum."""
        for default, maximum in (("default_rate_per_s", "max_rate_per_s"), ("default_per_month", "max_per_month")):
            given, most = getattr(self, default), getattr(self, maximum)
            if given is not None and most is not None and given > most:
                raise ValidationError({default: f"The default cannot be above the ceiling of {most:,}."})
