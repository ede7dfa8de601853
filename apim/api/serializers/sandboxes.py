"""Shapes of the sandbox of a version."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.api.serializers.revisions import TargetBody
from apim.catalog.models import APIVersion
from apim.catalog.sandboxes import ABSENT_GROUPS, answers_from
from apim.gateways.services import default_environment
from gateway_sync.upstreams import DESCRIPTIONS, KINDS


class SandboxShape(serializers.ModelSerializer[APIVersion]):
    """What answers sandbox keys, for those who may change the version."""

    version_id = serializers.CharField(source="id")
    answers_from = serializers.SerializerMethodField(help_text="`service`, `document`, or empty: it has no sandbox.")
    upstream = serializers.DictField(source="sandbox_upstream", help_text="The service of the owner; empty = none.")

    class Meta:
        model = APIVersion
        fields = ("version_id", "answers_from", "upstream")
        read_only_fields = fields

    def get_answers_from(self, version: APIVersion) -> str:
        """What answers where the version runs by default."""
        environment = default_environment()
        deployment = version.deployments.filter(environment=environment).select_related("revision").first()
        return answers_from(version, deployment.revision if deployment else None) if environment.has_sandbox else ""


class SandboxUpstreamBody(Body):
    """The service. Beside targets, timeout_s and headers, groups of settings of docs/reference/upstreams.md."""

    targets = TargetBody(many=True)
    timeout_s = serializers.FloatField(min_value=0.001, max_value=3600, required=False)
    headers = serializers.DictField(
        child=serializers.CharField(max_length=4000),
        required=False,
        help_text="Header fields that it gets, such as what opens it.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The fields; one for each group, whose content the group itself judges."""
        groups = {
            kind: serializers.DictField(required=False, help_text=DESCRIPTIONS[kind].summary)
            for kind in KINDS
            if kind not in ABSENT_GROUPS
        }
        return {**super().get_fields(), **groups}


class SandboxBody(Body):
    """The service that is to answer sandbox keys; null = the examples of the document do."""

    upstream = SandboxUpstreamBody(allow_null=True)
