"""Shapes of environments, gateways, workers and publications."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.api.serializers.pinning import PinShape
from apim.gateways.models import Environment, Gateway, JoinToken, Worker
from apim.gateways.services import REVOCATION_AGES_S
from gateway_sync.delivery.models import Publication


class EnvironmentShape(serializers.ModelSerializer[Environment]):
    """A place to run, and whether its gateways were sent the wanted state."""

    is_waiting_to_publish = serializers.BooleanField()
    base_url = serializers.CharField(allow_blank=True, help_text="Where callers reach its gateways.")
    held = PinShape(source="pin", allow_null=True, default=None, help_text="Where it was taken back to; null = not.")

    class Meta:
        model = Environment
        fields = (
            "id",
            "name",
            "display_name",
            "base_url",
            "allowed_networks",
            "allow_public_networks",
            "allow_unverified_upstreams",
            "address_rate_per_s",
            "address_burst",
            "max_revocation_age_s",
            "policies",
            "has_sandbox",
            "trial_s",
            "trial_by",
            "trial_share",
            "acme_directory",
            "acme_contact",
            "has_agreed_to_acme_terms",
            "revision",
            "published_revision",
            "access_seq",
            "published_access_seq",
            "is_waiting_to_publish",
            "published_at",
            "held",
            "created_at",
        )
        read_only_fields = fields


class EnvironmentChanges(Body):
    """Changes of an environment."""

    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    base_url = serializers.URLField(max_length=200, required=False, allow_blank=True)
    allowed_networks = serializers.ListField(child=serializers.CharField(max_length=50), required=False)
    allow_public_networks = serializers.BooleanField(required=False)
    allow_unverified_upstreams = serializers.BooleanField(required=False)
    address_rate_per_s = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    address_burst = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    max_revocation_age_s = serializers.IntegerField(
        min_value=0,
        max_value=REVOCATION_AGES_S[-1],
        required=False,
        help_text="A gateway that nobody told of revoked keys for so many seconds refuses calls that need a key,"
        " with 503 `credential-unconfirmed`; from 60 on, 900 is a good start. 0: it goes on for ever.",
    )
    policies = serializers.ListField(child=serializers.DictField(), required=False)
    has_sandbox = serializers.BooleanField(
        required=False, help_text="Gateways also answer from documents, below `/sandbox.{api}/`."
    )
    trial_s = serializers.IntegerField(
        min_value=0, max_value=86_400, required=False, help_text="Seconds that canaries serve a publication first."
    )
    trial_by = serializers.ChoiceField(
        Environment.TrialBy.choices,
        required=False,
        help_text="Who those are: `gateways` that are marked, one `worker` of each gateway, or a `share` of them.",
    )
    trial_share = serializers.IntegerField(
        min_value=1, max_value=99, required=False, help_text="Percent of the gateways, by `share`."
    )
    acme_directory = serializers.URLField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="Of the authority of hosts' certificates.",
    )
    acme_contact = serializers.EmailField(required=False, allow_blank=True, help_text="To whom the authority writes.")
    has_agreed_to_acme_terms = serializers.BooleanField(required=False)


class WorkerShape(serializers.ModelSerializer[Worker]):
    """What one process of a gateway said of itself last."""

    problems = serializers.ListField()
    stats = serializers.DictField()

    class Meta:
        model = Worker
        fields = (
            "slot",
            "pid",
            "boot",
            "revision",
            "digest",
            "access_seq",
            "problems",
            "stats",
            "started_at",
            "applied_at",
            "seen_at",
        )
        read_only_fields = fields


class TargetShape(serializers.Serializer[Any]):
    """A target of a version as all workers of the gateway together see it; counts since they started."""

    version = serializers.CharField()
    target = serializers.CharField()
    arm = serializers.CharField()
    state = serializers.ChoiceField(("up", "ejected", "down"))
    breaker = serializers.ChoiceField(("closed", "half-open", "open"))
    active = serializers.IntegerField()
    requests = serializers.IntegerField()
    failures = serializers.IntegerField()
    latency_us = serializers.IntegerField(help_text="Sum of the times until answers began.")
    ejections = serializers.IntegerField()
    retries = serializers.IntegerField()


class TargetEventShape(serializers.Serializer[Any]):
    """Something that happened to a target or a breaker."""

    at = serializers.IntegerField(help_text="Seconds since the epoch.")
    version = serializers.CharField()
    what = serializers.CharField()
    arm = serializers.CharField()
    target = serializers.CharField()


class GatewayShape(serializers.ModelSerializer[Gateway]):
    """A named data plane of an environment."""

    environment = serializers.CharField(source="environment.name")
    workers = WorkerShape(many=True)
    targets = TargetShape(many=True)
    events = TargetEventShape(many=True)

    class Meta:
        model = Gateway
        fields: tuple[str, ...] = (
            "id",
            "name",
            "environment",
            "software_version",
            "host",
            "is_push_connected",
            "group",
            "is_canary",
            "takes_trials",
            "state",
            "state_reason",
            "token_issued_at",
            "rotation_asked_at",
            "enrolled_at",
            "seen_at",
            "clock_wrong_at",
            "clock_off_s",
            "workers",
            "targets",
            "events",
        )
        read_only_fields = fields


class GatewayChanges(Body):
    """How a gateway is to stand."""

    is_canary = serializers.BooleanField(required=False, help_text="Whether it is sent publications on trial.")
    state = serializers.ChoiceField(
        Gateway.State.choices,
        required=False,
        help_text="`draining`: says that it is not ready. `quarantined`: serves what it has, and is sent no new state.",
    )
    reason = serializers.CharField(
        max_length=300, required=False, allow_blank=True, default="", help_text="Needed unless `serving`."
    )


class GatewayBody(Body):
    """A gateway to enroll."""

    name = serializers.SlugField(max_length=60)
    environment = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )


class JoinTokenBody(GatewayBody):
    """A gateway that is to join."""

    group = serializers.SlugField(
        max_length=40,
        required=False,
        allow_blank=True,
        default="",
        help_text="Such as `edge`: it serves what is bound to that, and what is bound to none.",
    )


class EnrolledGatewayShape(GatewayShape):
    """A fresh gateway with its token."""

    token = serializers.SerializerMethodField(help_text="Shown only now.")

    class Meta(GatewayShape.Meta):
        fields = (*GatewayShape.Meta.fields, "token")
        read_only_fields = fields

    def get_token(self, _gateway: Gateway) -> str:
        """The token, which the view handed over beside the row."""
        token: str = self.context["token"]
        return token


class JoinTokenShape(serializers.ModelSerializer[JoinToken]):
    """A fresh join token."""

    environment = serializers.CharField(source="environment.name", read_only=True)
    token = serializers.SerializerMethodField(help_text="Works once, until it expires. Shown only now.")

    class Meta:
        model = JoinToken
        fields = ("id", "name", "group", "environment", "created_by", "created_at", "expires_at", "token")
        read_only_fields = fields

    def get_token(self, _row: JoinToken) -> str:
        """The secret, which the view handed over beside the row."""
        token: str = self.context["token"]
        return token


class PublicationShape(serializers.ModelSerializer[Publication]):
    """One published state of an environment and what was wrong with it."""

    environment = serializers.CharField(source="environment.name")
    problems = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = Publication
        fields = (
            "id",
            "environment",
            "revision",
            "digest",
            "cause",
            "made_by",
            "reason",
            "stage",
            "problems",
            "created_at",
        )
        read_only_fields = fields
