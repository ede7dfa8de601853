"""Shapes of products, plans and ceilings."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apim.api.bodies import Body
from apim.api.serializers.limits import MAX_COUNT, QuotaBody, QuotaShape, RateBody, RateShape
from apim.api.serializers.pricing import PricingBody, shape_of
from apim.products.models import Ceiling, Plan, PlanVersion, Product, ProductItem


class PlanVersionShape(serializers.ModelSerializer[PlanVersion]):
    """The terms of a plan at one time."""

    rate = RateShape(allow_null=True)
    quotas = QuotaShape(many=True)
    weights = serializers.DictField(child=serializers.IntegerField())
    pricing = serializers.SerializerMethodField()

    class Meta:
        model = PlanVersion
        fields = (
            "id",
            "number",
            "state",
            "approval",
            "rate",
            "quotas",
            "weights",
            "when_unconfirmed",
            "when_unrecorded",
            "timezone",
            "pricing",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(PricingBody(allow_null=True))
    def get_pricing(self, version: PlanVersion) -> dict[str, Any] | None:
        """What the version costs; null for one that says nothing about money."""
        return shape_of(version.pricing) if version.pricing else None


class PlanShape(serializers.ModelSerializer[Plan]):
    """A named offer and its active terms."""

    organization = serializers.CharField(source="organization.name")
    offered_to = serializers.SerializerMethodField()
    terms = serializers.SerializerMethodField()

    class Meta:
        model = Plan
        fields = (
            "id",
            "name",
            "display_name",
            "description",
            "organization",
            "visibility",
            "offered_to",
            "terms",
            "archived_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_offered_to(self, plan: Plan) -> list[str]:
        """The organizations that a private plan is offered to."""
        return sorted(each.name for each in plan.offered_to.all())

    @extend_schema_field(PlanVersionShape(allow_null=True))
    def get_terms(self, plan: Plan) -> dict[str, Any] | None:
        """The active version of the plan."""
        active = [version for version in plan.versions.all() if version.state == PlanVersion.State.ACTIVE]
        return dict(PlanVersionShape(active[0]).data) if active else None


class TermsBody(Body):
    """What a plan grants."""

    approval = serializers.ChoiceField(PlanVersion.Approval.choices, required=False, default="auto")
    rate = RateBody(required=False, allow_null=True, default=None)
    quotas = QuotaBody(many=True, required=False, default=list)
    weights = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=1_000_000),
        required=False,
        default=dict,
        help_text='What a call of an operation costs of a quota of units: {"POST /transfers": 5}; 1 unless named.',
    )
    when_unconfirmed = serializers.ChoiceField(
        PlanVersion.WhenUnconfirmed.choices,
        required=False,
        default="",
        help_text="What gateways do with a quota while they cannot ask each other; empty: as its price says.",
    )
    when_unrecorded = serializers.ChoiceField(
        PlanVersion.WhenUnrecorded.choices,
        required=False,
        default="refuse",
        help_text="What a gateway does with calls that it has no room to record. A plan with prices refuses.",
    )
    timezone = serializers.CharField(max_length=64, required=False, default="UTC")
    pricing = PricingBody(
        required=False, allow_null=True, help_text="Null for a free plan; left out, a plan keeps what it costs."
    )


class PlanBody(Body):
    """A new plan."""

    name = serializers.SlugField(max_length=60)
    organization = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="")
    visibility = serializers.ChoiceField(Plan.Visibility.choices, required=False, default="public")
    offered_to = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, default=list, help_text="Organizations, by name."
    )
    terms = TermsBody()


class PlanChanges(Body):
    """Changes of a plan; new terms make a new plan version, to which subscriptions move unless pricing keeps them."""

    display_name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)
    visibility = serializers.ChoiceField(Plan.Visibility.choices, required=False)
    offered_to = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, help_text="Organizations, by name."
    )
    terms = TermsBody(required=False)


class ItemShape(serializers.ModelSerializer[ProductItem]):
    """A version in a product, whole or by operations."""

    api = serializers.CharField(source="version.api.name")
    version = serializers.CharField(source="version.name")
    version_id = serializers.CharField()
    operations = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ProductItem
        fields = ("api", "version", "version_id", "operations")
        read_only_fields = fields


class ProductShape(serializers.ModelSerializer[Product]):
    """What applications subscribe to."""

    organization = serializers.CharField(source="organization.name")
    items = ItemShape(many=True)
    plans = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = (
            "id",
            "name",
            "display_name",
            "description",
            "organization",
            "visibility",
            "items",
            "plans",
            "archived_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_plans(self, product: Product) -> list[str]:
        """The names of the plans on offer, in the order shown."""
        return [offer.plan.name for offer in product.productplan_set.all()]


class ItemBody(Body):
    """A version in a product."""

    version = serializers.CharField(max_length=101, help_text="Id, or api:version.")
    operations = serializers.ListField(
        child=serializers.CharField(max_length=255),
        required=False,
        default=list,
        help_text='Such as "GET /accounts*"; empty means every operation.',
    )


class ProductBody(Body):
    """A new product."""

    name = serializers.SlugField(max_length=60)
    organization = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="")
    visibility = serializers.ChoiceField(Product.Visibility.choices, required=False, default="public")
    items = ItemBody(many=True, required=False, default=list)
    plans = serializers.ListField(child=serializers.CharField(max_length=60), required=False, default=list)


class ProductChanges(Body):
    """Changes of a product; lists replace the whole list."""

    display_name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)
    visibility = serializers.ChoiceField(Product.Visibility.choices, required=False)
    items = ItemBody(many=True, required=False)
    plans = serializers.ListField(child=serializers.CharField(max_length=60), required=False)


LIMITS = (
    "max_rate_per_s",
    "max_per_hour",
    "max_per_day",
    "max_per_month",
    "default_rate_per_s",
    "default_per_month",
)


class CeilingShape(serializers.ModelSerializer[Ceiling]):
    """The most that plans may grant in an environment or an organization; null means inherited, or no limit."""

    environment = serializers.CharField(source="environment.name", default=None, allow_null=True)
    organization = serializers.CharField(source="organization.name", default=None, allow_null=True)

    class Meta:
        model = Ceiling
        fields = ("environment", "organization", *LIMITS)
        read_only_fields = fields


class CeilingBody(Body):
    """All limits of a scope; what is left out or null is not limited here."""

    max_rate_per_s = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None
    )
    max_per_hour = serializers.IntegerField(
        min_value=1, max_value=MAX_COUNT, required=False, allow_null=True, default=None
    )
    max_per_day = serializers.IntegerField(
        min_value=1, max_value=MAX_COUNT, required=False, allow_null=True, default=None
    )
    max_per_month = serializers.IntegerField(
        min_value=1, max_value=MAX_COUNT, required=False, allow_null=True, default=None
    )
    default_rate_per_s = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None
    )
    default_per_month = serializers.IntegerField(
        min_value=1, max_value=MAX_COUNT, required=False, allow_null=True, default=None
    )
