"""Shapes of APIs and versions."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.catalog.models import API, APIVersion, Deployment
from apim.catalog.services.deployments import arms_of
from apim.catalog.topics import LONGEST_CATEGORY, LONGEST_TAG, MOST_TAGS


class APIShape(serializers.ModelSerializer[API]):
    """What an owner offers under one name."""

    organization = serializers.CharField(source="organization.name")
    team = serializers.CharField(allow_blank=True)

    class Meta:
        model = API
        fields = (
            "id",
            "name",
            "display_name",
            "description",
            "organization",
            "visibility",
            "team",
            "labels",
            "tags",
            "category",
            "key_header",
            "archived_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class LabelsField(serializers.DictField):
    """Labels: short names with short texts."""

    child = serializers.CharField(max_length=120, allow_blank=True)


class TagsField(serializers.ListField):
    """Tags: short words that the portal's catalogue groups APIs by."""

    child = serializers.CharField(max_length=LONGEST_TAG)


class WaiverField(serializers.CharField):
    """Why a change that breaks callers is made all the same; "" when left out."""

    def __init__(self) -> None:
        """Kept in the audit log."""
        super().__init__(
            max_length=1000,
            required=False,
            allow_blank=True,
            default="",
            help_text="Why it is right that callers break; kept in the audit log.",
        )


class APIBody(Body):
    """A new API."""

    name = serializers.SlugField(max_length=60)
    organization = serializers.CharField(
        max_length=60,
        required=False,
        allow_blank=True,
        default="",
        help_text="Id or name; the caller's own when left out.",
    )
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="")
    visibility = serializers.ChoiceField(API.Visibility.choices, required=False, default=API.Visibility.PUBLIC)
    team = serializers.SlugField(max_length=60, required=False, allow_blank=True, default="")
    labels = LabelsField(required=False, default=dict)
    tags = TagsField(required=False, default=list, max_length=MOST_TAGS)
    category = serializers.CharField(max_length=LONGEST_CATEGORY, required=False, allow_blank=True, default="")
    key_header = serializers.CharField(max_length=60, required=False, default="X-API-Key")


class APIChanges(Body):
    """Changes of an API."""

    display_name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)
    visibility = serializers.ChoiceField(API.Visibility.choices, required=False)
    team = serializers.SlugField(max_length=60, required=False, allow_blank=True)
    labels = LabelsField(required=False)
    tags = TagsField(required=False, max_length=MOST_TAGS)
    category = serializers.CharField(max_length=LONGEST_CATEGORY, required=False, allow_blank=True)
    key_header = serializers.CharField(max_length=60, required=False)


class DeploymentShape(serializers.ModelSerializer[Deployment]):
    """Which revision runs in an environment."""

    environment = serializers.CharField(source="environment.name")
    version_id = serializers.CharField()
    revision_id = serializers.CharField()
    revision_number = serializers.IntegerField(source="revision.number")
    gateway_groups = serializers.ListField(
        child=serializers.CharField(), help_text="Whose gateways serve it; empty = all."
    )

    class Meta:
        model = Deployment
        fields = ("id", "environment", "version_id", "revision_id", "revision_number", "gateway_groups", "deployed_at")
        read_only_fields = fields


class ArmsShape(DeploymentShape):
    """A deployment with the weights of its arms now."""

    arms = serializers.SerializerMethodField()

    class Meta:
        model = Deployment
        fields = (*DeploymentShape.Meta.fields, "arms")
        read_only_fields = fields

    def get_arms(self, deployment: Deployment) -> dict[str, int]:
        """The weights by name."""
        return arms_of(deployment)


class VersionShape(serializers.ModelSerializer[APIVersion]):
    """A contract that callers choose: they call /{api}/{version}/..."""

    api = serializers.CharField(source="api.name")
    api_id = serializers.CharField()
    successor = serializers.CharField(source="successor.name", default=None, allow_null=True)
    deployments = DeploymentShape(many=True)

    class Meta:
        model = APIVersion
        fields = (
            "id",
            "name",
            "api",
            "api_id",
            "state",
            "documentation",
            "deprecated_at",
            "sunset_at",
            "successor",
            "published_at",
            "created_at",
            "updated_at",
            "deployments",
        )
        read_only_fields = fields


class VersionBody(Body):
    """A new version, without a revision yet."""

    name = serializers.SlugField(max_length=40)


class VersionChanges(Body):
    """Changes of a version; its name only before it was ever published."""

    name = serializers.SlugField(max_length=40, required=False)
    documentation = serializers.CharField(allow_blank=True, required=False)


class PublishBody(Body):
    """Which revision goes where."""

    revision = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Number; the last when left out."
    )
    environment = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )
    waiver = WaiverField()


class ArmsBody(Body):
    """Weights of a canary's arms; those not named stay, and none at all means those of the revision."""

    weights = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=10_000), required=False, default=dict
    )
    environment = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )


class GroupsBody(Body):
    """The groups whose gateways serve a version."""

    groups = serializers.ListField(child=serializers.SlugField(max_length=40), help_text="None = every gateway.")
    environment = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )


class RollbackBody(Body):
    """Back to which revision."""

    to_number = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        default=None,
        help_text="The one before when left out.",
    )
    environment = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )
    waiver = WaiverField()


class DeprecateBody(Body):
    """When a version was or will be deprecated, when it ends, and what follows it."""

    deprecated_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Now when left out."
    )
    sunset_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    successor = serializers.CharField(
        max_length=101,
        required=False,
        allow_null=True,
        default=None,
        help_text="A version of the same API by its name, or any by id or api:version.",
    )
    reason = serializers.CharField(
        max_length=255,
        required=False,
        allow_blank=True,
        default="",
        help_text="Why callers have less than 180 days until the sunset; needed then, and kept in the audit log.",
    )


class ConsequencesShape(serializers.Serializer[Any]):
    """What a deletion would take with it; products and live versions stand against it."""

    can_delete = serializers.BooleanField()
    versions = serializers.ListField(child=serializers.CharField())
    live_versions = serializers.ListField(child=serializers.CharField())
    revisions = serializers.IntegerField()
    products = serializers.ListField(child=serializers.CharField())
