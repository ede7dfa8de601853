"""Shapes of usage reports and traced requests, of the audit log, and of documents."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.api.serializers.replay import ReplayShape
from apim.audit.models import AuditEvent


class AuditEventShape(serializers.ModelSerializer[AuditEvent]):
    """One write: who did what to which object, before and after."""

    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)

    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "at",
            "actor_kind",
            "actor_id",
            "actor_label",
            "action",
            "target_kind",
            "target_id",
            "target_label",
            "organization_id",
            "before",
            "after",
            "reason",
        )
        read_only_fields = fields


class DocumentsBody(Body):
    """Documents of any kinds, as one text; the files they name with `$file` come along."""

    documents = serializers.CharField(trim_whitespace=False)
    files = serializers.DictField(child=serializers.CharField(trim_whitespace=False, allow_blank=True), default=dict)
    dry_run = serializers.BooleanField(default=False)
    waiver = serializers.CharField(
        max_length=1000,
        allow_blank=True,
        default="",
        help_text="Why it is right that callers break; kept in the audit log.",
    )
    accept_answers = serializers.BooleanField(
        default=False, help_text="Go on though some of the last calls would be answered differently."
    )


class ChangeShape(serializers.Serializer[Any]):
    """What happened to one object."""

    action = serializers.CharField(help_text="create | update | unchanged")
    kind = serializers.CharField()
    name = serializers.CharField()
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]


class AppliedShape(serializers.Serializer[Any]):
    """What applying the documents did, or would do."""

    changes = ChangeShape(many=True)
    warnings = serializers.ListField(child=serializers.CharField())
    calls = ReplayShape(help_text="The last calls of the APIs and products that are named and yours to change.")


class ExportShape(serializers.Serializer[Any]):
    """Documents that `documents/apply` takes as they stand."""

    documents = serializers.CharField()


class LatencyShape(serializers.Serializer[Any]):
    """Durations that half, 95 % and 99 % of the calls stayed within; null without calls."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class OperationUsageShape(serializers.Serializer[Any]):
    """Calls of one operation."""

    operation = serializers.CharField(allow_blank=True)
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]


class CredentialUsageShape(serializers.Serializer[Any]):
    """Calls of one key."""

    id = serializers.CharField()
    shown = serializers.CharField(help_text="How the key begins, or the client id.")
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    calls = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="By the gateway, with 4xx.")
    errors = serializers.IntegerField()  # type: ignore[assignment]


class PointShape(serializers.Serializer[Any]):
    """One step of a timeline."""

    at = serializers.DateTimeField()
    by_class = serializers.DictField(child=serializers.IntegerField(), help_text='Such as {"2xx": 12}.')


class PlanUsageShape(serializers.Serializer[Any]):
    """Calls made under one version of a plan, whatever plan their subscriptions have now."""

    plan = serializers.CharField(
        allow_null=True,
        help_text="Null for none, for one that you do not see, and for calls from before it was noted.",
    )
    version = serializers.IntegerField(allow_null=True)
    calls = serializers.IntegerField()


class UsageShape(serializers.Serializer[Any]):
    """Sums of a span of time."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    calls = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField(), help_text='Such as {"200": 12}.')
    indeterminate = serializers.IntegerField(help_text="In flight when a gateway worker died; no calls.")
    latency_ms = LatencyShape()
    credentials = CredentialUsageShape(
        many=True,
        help_text="Of an application asked for without a version: its keys, the busiest first, by whole hours or days.",
    )
    plans = PlanUsageShape(many=True, help_text="The one with the most calls first.")
    operations = OperationUsageShape(many=True)
    timeline = PointShape(many=True)


class RequestShape(serializers.Serializer[Any]):
    """One exchange and how the gateway decided; of callers without an identity for an hour only."""

    request_id = serializers.CharField()
    client_request_id = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()
    api = serializers.CharField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    operation = serializers.CharField(allow_blank=True)
    path = serializers.CharField(allow_blank=True)
    organization = serializers.CharField(allow_null=True)
    application = serializers.CharField(allow_null=True)
    credential_prefix = serializers.CharField(allow_null=True)
    subscription_id = serializers.CharField(allow_blank=True)
    status = serializers.IntegerField(help_text="0 when the worker died with the exchange in flight.")
    code = serializers.CharField(allow_blank=True, help_text="Of the gateway's own problem.")
    is_indeterminate = serializers.BooleanField()
    duration_ms = serializers.FloatField()
    upstream_ms = serializers.FloatField()
    request_bytes = serializers.IntegerField()
    response_bytes = serializers.IntegerField()
    trace = serializers.ListField(help_text="Steps and their outcomes, in order.")
    explanation = serializers.DictField(
        allow_null=True,
        help_text="What the gateway noted of it: policies, tries, microseconds. Of refusals, failures, repeated"
        " tries and a sample of the rest, for an hour; callers see it without targets and the owner's policies.",
    )
