"""Shapes of revisions."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.catalog.models import Revision
from gateway_sync.upstreams import DESCRIPTIONS, KINDS

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class OperationShape(serializers.Serializer[Any]):
    """One operation of a revision."""

    method = serializers.CharField()
    path = serializers.CharField()
    operation_id = serializers.CharField(required=False, allow_blank=True)
    summary = serializers.CharField(required=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    deprecated = serializers.BooleanField(required=False)


class RevisionShape(serializers.ModelSerializer[Revision]):
    """One saved state of a version, without its content. Never edited."""

    version_id = serializers.CharField()

    class Meta:
        model = Revision
        fields = ("id", "version_id", "number", "document_format", "digest", "note", "created_by", "created_at")
        read_only_fields = fields


class RevisionDetailShape(serializers.ModelSerializer[Revision]):
    """A revision with its content; what is behind the operations is shown to those who may change it."""

    version_id = serializers.CharField()
    operations = OperationShape(many=True)
    passthrough = serializers.DictField(allow_null=True)
    upstream = serializers.DictField(required=False)
    policies = serializers.ListField(child=serializers.DictField(), required=False)
    composites = serializers.DictField(required=False)
    problems = serializers.ListField(child=serializers.DictField(), required=False)
    created_by = serializers.CharField(required=False)

    PRIVATE = ("upstream", "policies", "composites", "problems", "created_by")

    class Meta:
        model = Revision
        fields = (
            "id",
            "version_id",
            "number",
            "document_format",
            "base_path",
            "document",
            "operations",
            "passthrough",
            "upstream",
            "policies",
            "composites",
            "problems",
            "digest",
            "note",
            "created_by",
            "created_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: Revision) -> dict[str, Any]:
        """The revision as this caller may see it: callers of an API must not learn where its services are."""
        shown: dict[str, Any] = super().to_representation(instance)
        if not Revision.objects.editable_by(self.context["request"].user).filter(pk=instance.pk).exists():
            for name in self.PRIVATE:
                shown.pop(name)
        return shown


class TargetBody(Body):
    """One upstream target."""

    url = serializers.CharField(max_length=2000)
    weight = serializers.IntegerField(min_value=0, max_value=10_000, required=False, default=100)
    priority = serializers.IntegerField(min_value=0, max_value=9, required=False, default=0)
    arm = serializers.CharField(max_length=30, required=False, allow_blank=True, default="")


class UpstreamBody(Body):
    """Where calls go. Beside targets and timeout_s, the groups of settings of docs/reference/upstreams.md."""

    targets = TargetBody(many=True)
    timeout_s = serializers.FloatField(min_value=0.001, max_value=3600, required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The fields; one for each group, whose content the group itself judges."""
        groups = {kind: serializers.DictField(required=False, help_text=DESCRIPTIONS[kind].summary) for kind in KINDS}
        return {**super().get_fields(), **groups}


class OperationBody(Body):
    """One operation, for a version without a document."""

    method = serializers.ChoiceField(METHODS)
    path = serializers.CharField(max_length=255)
    operation_id = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    summary = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    tags = serializers.ListField(child=serializers.CharField(max_length=120), required=False, default=list)
    deprecated = serializers.BooleanField(required=False, default=False)


class PassthroughBody(Body):
    """Methods and path prefix that are passed through without a contract."""

    methods = serializers.ListField(child=serializers.ChoiceField(METHODS), allow_empty=False)
    prefix = serializers.CharField(max_length=255, required=False, default="/")


class RevisionBody(Body):
    """A new state of a version; what is left out keeps its last value."""

    document = serializers.CharField(required=False, allow_null=True, default=None)
    upstream = UpstreamBody(required=False, allow_null=True, default=None)
    policies = serializers.ListField(child=serializers.DictField(), required=False, allow_null=True, default=None)
    composites = serializers.DictField(
        required=False, allow_null=True, default=None, help_text="By operation; docs/reference/composites.md."
    )
    operations = OperationBody(many=True, required=False, allow_null=True, default=None)
    passthrough = PassthroughBody(required=False, allow_null=True, default=None)
    note = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
