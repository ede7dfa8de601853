"""Shapes of webhook endpoints and deliveries."""

from __future__ import annotations

from rest_framework import serializers

from apim.api.bodies import Body
from apim.webhooks.constants import LONGEST_OVERLAP
from apim.webhooks.events import TYPES
from apim.webhooks.models import LONGEST_URL, Attempt, Delivery, Endpoint


class WebhookShape(serializers.ModelSerializer[Endpoint]):
    """An endpoint of an organization, without its secret."""

    organization = serializers.CharField(source="organization.name")

    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = (
            "id",
            "organization",
            "url",
            "description",
            "event_types",
            "is_enabled",
            "disabled_reason",
            "failing_since",
            "previous_until",
            "created_by",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class IssuedWebhookShape(WebhookShape):
    """An endpoint with its fresh secret."""

    secret = serializers.SerializerMethodField(help_text="`whsec_...`, shown only now; it is kept encrypted.")

    class Meta(WebhookShape.Meta):
        fields = (*WebhookShape.Meta.fields, "secret")
        read_only_fields = fields

    def get_secret(self, _endpoint: Endpoint) -> str:
        """The secret, which the view handed over beside the row."""
        secret: str = self.context["secret"]
        return secret


class WebhookBody(Body):
    """A new endpoint."""

    organization = serializers.CharField(
        max_length=60,
        required=False,
        allow_blank=True,
        default="",
        help_text="Id or name; the caller's only one when left out.",
    )
    url = serializers.CharField(max_length=LONGEST_URL)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=2 * len(TYPES), help_text=f"Some of {', '.join(TYPES)}."
    )


class WebhookChanges(Body):
    """Changes of an endpoint."""

    url = serializers.CharField(max_length=LONGEST_URL, required=False)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=2 * len(TYPES), required=False
    )
    is_enabled = serializers.BooleanField(required=False)


class WebhookRollBody(Body):
    """How long the old secret signs beside the new one."""

    overlap_s = serializers.IntegerField(
        min_value=0, max_value=int(LONGEST_OVERLAP.total_seconds()), required=False, default=86_400
    )


class ReplayBody(Body):
    """Since when failed deliveries are sent again."""

    since = serializers.DateTimeField()


class ReplayedShape(serializers.Serializer[object]):
    """How many deliveries are on their way again."""

    count = serializers.IntegerField()


class AttemptShape(serializers.ModelSerializer[Attempt]):
    """One request and its answer; `response` is how it begins."""

    class Meta:
        model = Attempt
        fields = ("at", "status", "latency_ms", "error", "response")
        read_only_fields = fields


class DeliveryShape(serializers.ModelSerializer[Delivery]):
    """An event on its way to an endpoint."""

    webhook_id = serializers.CharField(source="event_id", help_text="What each attempt says in `webhook-id`.")
    endpoint = serializers.CharField(source="endpoint_id")
    type = serializers.CharField(source="event.type")
    data = serializers.JSONField(source="event.data")  # type: ignore[assignment] # a field of that name

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            "id",
            "webhook_id",
            "endpoint",
            "type",
            "data",
            "state",
            "attempts",
            "retry_at",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields


class DeliveryWithAttemptsShape(DeliveryShape):
    """A delivery with what its attempts brought, the newest first."""

    tries = AttemptShape(many=True)

    class Meta(DeliveryShape.Meta):
        fields = (*DeliveryShape.Meta.fields, "tries")
        read_only_fields = fields
