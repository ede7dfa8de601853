"""Shapes of applications, credentials and subscriptions."""

from __future__ import annotations

from rest_framework import serializers

from apim.access.models import Application, Credential, Subscription
from apim.accounts.links import absolute_url
from apim.api.bodies import Body
from apim.gateways.chains import LONGEST_PEM

MAX_OVERLAP_S = 90 * 86_400


class ApplicationShape(serializers.ModelSerializer[Application]):
    """A program that calls."""

    organization = serializers.CharField(source="organization.name")
    team = serializers.CharField(allow_blank=True, help_text="The slug of its team; empty: the whole organization's.")

    class Meta:
        model = Application
        fields = (
            "id",
            "name",
            "display_name",
            "description",
            "organization",
            "team",
            "state",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ApplicationBody(Body):
    """A new application."""

    name = serializers.SlugField(max_length=60)
    organization = serializers.CharField(
        max_length=60,
        required=False,
        allow_blank=True,
        default="",
        help_text="Id or name; the caller's only one when left out.",
    )
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    description = serializers.CharField(required=False, allow_blank=True, default="")
    team = serializers.SlugField(
        max_length=60,
        required=False,
        allow_blank=True,
        help_text="A team of the organization; empty: the whole organization's; left out: the caller's own team.",
    )


class ApplicationChanges(Body):
    """Changes of an application."""

    team = serializers.SlugField(
        max_length=60, required=False, allow_blank=True, help_text="Another team; empty: the whole organization's."
    )
    display_name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)


class CredentialShape(serializers.ModelSerializer[Credential]):
    """An API key, without the key itself, or a client of an issuer."""

    application = serializers.CharField(source="application.name")
    organization = serializers.CharField(source="application.organization.name")
    environment = serializers.CharField(source="environment.name")
    product = serializers.CharField(source="product.name", default=None, allow_null=True)
    application_id = serializers.CharField()
    successor_id = serializers.CharField(allow_null=True)
    is_for_own_apis = serializers.BooleanField(
        help_text="True for a client of an issuer that is not registered: APIs of others do not know it."
    )

    class Meta:
        model = Credential
        fields: tuple[str, ...] = (
            "id",
            "application",
            "application_id",
            "organization",
            "environment",
            "product",
            "kind",
            "label",
            "prefix",
            "issuer",
            "client_id",
            "fingerprint",
            "is_for_own_apis",
            "state",
            "successor_id",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "allowed_networks",
        )
        read_only_fields = fields


class IssuedKeyShape(CredentialShape):
    """A fresh credential with its key."""

    key = serializers.SerializerMethodField(
        help_text="Shown only now; only a keyed hash is kept. Empty for what has none."
    )

    class Meta(CredentialShape.Meta):
        fields = (*CredentialShape.Meta.fields, "key")
        read_only_fields = fields

    def get_key(self, _credential: Credential) -> str:
        """The key, which the view handed over beside the row."""
        key: str = self.context["key"]
        return key


class CredentialBody(Body):
    """A new key; with issuer and client_id a client instead, with certificate a client certificate."""

    application = serializers.CharField(max_length=121, help_text="Id, organization:name, or name.")
    product = serializers.CharField(
        max_length=60, required=False, allow_null=True, default=None, help_text="Id or name; restricts the key to it."
    )
    environment = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )
    label = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")  # type: ignore[assignment] # a field of that name
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=60),
        max_length=100,
        required=False,
        default=list,
        help_text="CIDR blocks or addresses that a key may be used from; any when empty.",
    )
    issuer = serializers.CharField(
        max_length=512, required=False, allow_blank=True, default="", help_text="What `iss` is in the client's tokens."
    )
    client_id = serializers.CharField(
        max_length=512, required=False, allow_blank=True, default="", help_text="What the client is called in them."
    )
    certificate = serializers.CharField(
        max_length=LONGEST_PEM,
        required=False,
        allow_blank=True,
        default="",
        help_text="A client certificate: PEM, or its SHA-256 fingerprint in hex.",
    )


class CredentialChanges(Body):
    """Changes of a credential."""

    label = serializers.CharField(max_length=120, required=False, allow_blank=True)  # type: ignore[assignment] # a field of that name
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=100, required=False, help_text="As when it is made."
    )


class RollBody(Body):
    """How long the old key lives beside the new one."""

    overlap_s = serializers.IntegerField(min_value=0, max_value=MAX_OVERLAP_S, required=False, default=86_400)


class SubscriptionShape(serializers.ModelSerializer[Subscription]):
    """An organization's right to use a product in an environment, shared by its applications."""

    organization = serializers.CharField(source="organization.name")
    product = serializers.CharField(source="product.name")
    environment = serializers.CharField(source="environment.name")
    plan = serializers.CharField(source="plan_version.plan.name")
    plan_version = serializers.IntegerField(source="plan_version.number")
    applications = serializers.SerializerMethodField()
    checkout_url = serializers.SerializerMethodField(
        help_text='Where a person pays for a plan with prices; "" when nothing waits for a payment.'
    )

    class Meta:
        model = Subscription
        fields = (
            "id",
            "name",
            "organization",
            "product",
            "environment",
            "plan",
            "plan_version",
            "lifecycle",
            "payment",
            "applications",
            "checkout_url",
            "reason",
            "requested_by",
            "decided_by",
            "created_at",
            "decided_at",
            "ends_at",
        )
        read_only_fields = fields

    def get_applications(self, subscription: Subscription) -> list[str]:
        """The names of the applications it covers."""
        return sorted(application.name for application in subscription.applications.all())

    def get_checkout_url(self, subscription: Subscription) -> str:
        """The page on which it is paid, while it waits for that."""
        is_waiting = subscription.awaits_payment and subscription.is_live
        return absolute_url(f"/my/subscriptions/{subscription.id}/pay") if is_waiting else ""


class SubscriptionBody(Body):
    """Subscribe an application to a product; with a live subscription it joins that one."""

    application = serializers.CharField(max_length=121, help_text="Id, organization:name, or name.")
    product = serializers.CharField(max_length=60, help_text="Id or name.")
    plan = serializers.CharField(max_length=60, help_text="Id or name.")
    environment = serializers.CharField(
        max_length=60, required=False, allow_blank=True, default="", help_text="Id or name."
    )
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    note = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")


class CancelBody(Body):
    """When it ends; now when left out."""

    at = serializers.DateTimeField(required=False, allow_null=True, default=None)
