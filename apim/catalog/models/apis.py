"""APIs, their versions, and the immutable revisions of each version."""

from __future__ import annotations

import re
from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from apim.accounts.models import Membership, Organization, Viewer
from apim.accounts.permissions import is_admin, organization_ids
from apim.catalog.topics import LONGEST_CATEGORY, check_tags
from apim.fields import IDField
from apim.gateways.models import Environment
from gateway_sync.policies.key_auth import can_carry_key

NAME_RULE = RegexValidator(
    r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
    gettext_lazy("Use small letters, digits and inner hyphens, such as `bank-payments`."),
)
VERSION_NAME_RULE = RegexValidator(
    r"\A[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z",
    gettext_lazy("Use small letters, digits and inner `.`, `_` or `-`, such as `v1.2`."),
)
_HEADER_NAME = re.compile(r"\A[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")  # RFC 9110 section 5.1


def _owned_by(user: Viewer, api: str) -> Q:
    """Rows whose API the user may change; `api` is the path from the row to its API, such as `version__api__`."""
    owner = Membership.Role.OWNER
    same_team = Membership.objects.of(user, owner).filter(
        organization_id=OuterRef(f"{api}organization_id"), team=OuterRef(f"{api}team")
    )
    leading = Membership.objects.leading(user)
    return (
        Q((f"{api}organization__in", leading))
        | Q((f"{api}organization__in", organization_ids(user, owner)), (f"{api}team", ""))
        | Q(Exists(same_team))
    )


def _open_to_all(api: str) -> Q:
    return Q((f"{api}visibility", API.Visibility.PUBLIC), (f"{api}archived_at__isnull", True))


class APIQuerySet(models.QuerySet["API"]):
    """APIs, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else those of one's organizations, and public ones with something to call."""
        if is_admin(user):
            return self.all()
        callable_versions = APIVersion.objects.filter(api=OuterRef("pk"), state__in=APIVersion.CALLABLE)
        return self.filter(Q(organization__in=organization_ids(user)) | _open_to_all("") & Q(Exists(callable_versions)))

    def editable_by(self, user: Viewer) -> Self:
        """All for admins; else those of organizations one owns, within one's team."""
        return self.all() if is_admin(user) else self.filter(_owned_by(user, ""))

    def active(self) -> Self:
        """Those that are not archived."""
        return self.filter(archived_at=None)


class APIVersionQuerySet(models.QuerySet["APIVersion"]):
    """Versions, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else those of one's organizations, and public ones that can be called."""
        if is_admin(user):
            return self.all()
        return self.filter(
            Q(api__organization__in=organization_ids(user)) | _open_to_all("api__") & Q(state__in=APIVersion.CALLABLE)
        )

    def remembered_by(self, user: Viewer) -> Self:
        """Those one may see and, of public APIs, the retired ones: who called them is told what follows."""
        retired = self.filter(_open_to_all("api__"), state=APIVersion.State.RETIRED)
        return self.filter(Q(pk__in=self.visible_to(user).values("pk")) | Q(pk__in=retired.values("pk")))

    def editable_by(self, user: Viewer) -> Self:
        """All for admins; else those of APIs one may change."""
        return self.all() if is_admin(user) else self.filter(_owned_by(user, "api__"))

    def callable(self) -> Self:
        """Those that callers may use: published or deprecated."""
        return self.filter(state__in=APIVersion.CALLABLE)


class RevisionQuerySet(models.QuerySet["Revision"]):
    """Revisions, as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins; else those of one's organizations, and what runs of public versions."""
        if is_admin(user):
            return self.all()
        deployed = Deployment.objects.filter(revision=OuterRef("pk"))
        return self.filter(
            Q(version__api__organization__in=organization_ids(user))
            | _open_to_all("version__api__") & Q(Exists(deployed), version__state__in=APIVersion.CALLABLE)
        )

    def editable_by(self, user: Viewer) -> Self:
        """Those whose API one may change; a revision itself is never edited, it is published or left."""
        return self.all() if is_admin(user) else self.filter(_owned_by(user, "version__api__"))

    def summaries(self) -> Self:
        """Without the large fields, for lists: a document may have many megabytes."""
        return self.defer("document", "operations", "problems", "changes")


class API(models.Model):
    """What an owner offers under one name; callers use /{name}/{version}/..."""

    class Visibility(models.TextChoices):
        PUBLIC = "public", _("Public")
        INTERNAL = "internal", _("Internal")

    id = IDField("api")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="apis")
    name = models.SlugField(max_length=60, unique=True, validators=[NAME_RULE])
    display_name = models.CharField(max_length=120)
    description = models.TextField(blank=True)  # Markdown
    visibility = models.CharField(max_length=16, choices=Visibility.choices, default=Visibility.PUBLIC)
    team = models.SlugField(max_length=60, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    tags = models.JSONField(default=list, db_default=[], blank=True, validators=[check_tags])
    category = models.CharField(max_length=LONGEST_CATEGORY, default="", db_default="", blank=True)
    key_header = models.CharField(max_length=60, default="X-API-Key")
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = APIQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.display_name

    def clean(self) -> None:
        """Refuses a key header that the wire needs for itself, and labels that are not plain text."""
        if not _HEADER_NAME.match(self.key_header):
            raise ValidationError({"key_header": gettext("This is not the name of a header field.")})
        if not can_carry_key(self.key_header):
            raise ValidationError(
                {"key_header": gettext("This header field has a meaning of its own; choose another.")}
            )
        if not isinstance(self.labels, dict) or not all(
            isinstance(part, str) for pair in self.labels.items() for part in pair
        ):
            raise ValidationError({"labels": gettext("Labels are pairs of a name and a text.")})


class APIVersion(models.Model):
    """A contract that callers choose. What it does is in its revisions; what runs where is in its deployments."""

    class State(models.TextChoices):
        DRAFT = "draft"
        REVIEW = "review"
        PUBLISHED = "published"
        DEPRECATED = "deprecated"
        RETIRED = "retired"
        BLOCKED = "blocked"

    CALLABLE = (State.PUBLISHED, State.DEPRECATED)

    id = IDField("ver")
    api = models.ForeignKey(API, models.CASCADE, related_name="versions")
    name = models.CharField(max_length=40, validators=[VERSION_NAME_RULE])
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    documentation = models.TextField(blank=True)  # Markdown, shown beside the reference
    deprecated_at = models.DateTimeField(null=True, blank=True)
    sunset_at = models.DateTimeField(null=True, blank=True)
    successor = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="predecessors")
    blocked_reason = models.CharField(max_length=255, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)  # what an import found was looked at: the guided way
    sandbox_upstream = models.JSONField(default=dict, db_default={}, blank=True)  # {} = the document answers there
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = APIVersionQuerySet.as_manager()

    class Meta:
        ordering = ("api", "name")
        constraints = (models.UniqueConstraint(fields=("api", "name"), name="version_name_once_an_api"),)

    def __str__(self) -> str:
        return f"{self.api.name} {self.name}"

    def clean(self) -> None:
        """Refuses a sunset before the deprecation (RFC 8594) and a successor elsewhere."""
        if self.sunset_at and self.deprecated_at and self.sunset_at < self.deprecated_at:
            raise ValidationError({"sunset_at": gettext("The sunset cannot come before the deprecation.")})
        if self.successor and (self.successor.api_id != self.api_id or self.successor.pk == self.pk):
            raise ValidationError({"successor": gettext("The successor is another version of the same API.")})

    @property
    def is_callable(self) -> bool:
        """True when callers may use it: published or deprecated."""
        return self.state in self.CALLABLE


class Revision(models.Model):
    """One saved state of a version: contract, upstream, policies and composites together. Never edited.

    Shapes: operations = [{"method", "path", "operation_id", "summary", "tags", "deprecated"}], path as a template
    such as /accounts/{id}; empty for a pass-through revision, which has `passthrough` = {"methods": [...],
    "prefix": "/"} instead. upstream = {"targets": [{"url", "weight"}], "timeout_s"} and the groups of
    gateway_sync.upstreams. policies = [{kind: settings}]. composites = {"POST /transfers": {"steps": [...], ...}}, as
    in gateway_sync.compositions.
    """

    id = IDField("rev")
    version = models.ForeignKey(APIVersion, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    document = models.TextField(blank=True)  # the OpenAPI document as it was given; empty when there is none
    document_format = models.CharField(max_length=8, blank=True)  # json | yaml
    operations = models.JSONField(default=list)
    passthrough = models.JSONField(null=True)
    base_path = models.CharField(max_length=255, blank=True)  # path of servers[0]
    upstream = models.JSONField(default=dict)
    policies = models.JSONField(default=list)
    composites = models.JSONField(default=dict)
    problems = models.JSONField(
        default=list
    )  # of the document: [{"pointer", "line", "message", "severity": "error"|"warning"}]
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=255, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)  # first time; what a rollback may go back to
    compared_with = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    changes = models.JSONField(null=True)  # against that one, as apim.openapi.differing has them; null = not kept
    skipped = models.JSONField(null=True)  # what was not compared with that one, as sentences; null = not kept

    objects = RevisionQuerySet.as_manager()

    class Meta:
        ordering = ("version", "-number")
        constraints = (models.UniqueConstraint(fields=("version", "number"), name="revision_number_once_a_version"),)

    def __str__(self) -> str:
        return f"{self.version} revision {self.number}"

    @property
    def composite_operations(self) -> list[dict[str, object]]:
        """The operations that have a composite."""
        return [each for each in self.operations if f"{each['method']} {each['path']}" in self.composites]


class IssuerKeys(models.Model):
    """The public keys of an issuer of tokens, as they were fetched last; a failure leaves those of before in force.

    Shapes: source is that of gateway_sync.policies.jwt.key_source; keys is a canonical JWK set, "" before the first
    success; fault says why the last fetch failed, "" when it did not.
    """

    id = IDField("iks")
    source = models.CharField(max_length=600, unique=True)
    keys = models.TextField(blank=True)
    fault = models.CharField(max_length=255, blank=True)
    checked_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("source",)

    def __str__(self) -> str:
        return self.source


class Deployment(models.Model):
    """Which revision of a version runs in an environment.

    Shapes: arm_weights = {arm: weight} hold over those of the revision's canary, until another revision is deployed.
    gateway_groups are those whose gateways serve the version, [] = all gateways do.
    """

    id = IDField("dep")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="deployments")
    version = models.ForeignKey(APIVersion, models.CASCADE, related_name="deployments")
    revision = models.ForeignKey(Revision, models.PROTECT, related_name="deployments")
    arm_weights = models.JSONField(default=dict)
    gateway_groups = models.JSONField(default=list, db_default=[], blank=True)
    deployed_by = models.CharField(max_length=200)
    deployed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("environment", "version"), name="one_deployment_each"),)

    def __str__(self) -> str:
        return f"{self.revision} in {self.environment}"
