"""Shapes of offers to hand an application over."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.access.arrivals import Fate, Luggage, Obstacle
from apim.access.models import ApplicationTransfer
from apim.accounts.models import Organization
from apim.api.bodies import Body
from apim.api.serializers.access import MAX_OVERLAP_S, ApplicationShape, CredentialShape


class TransferShape(serializers.ModelSerializer[ApplicationTransfer]):
    """An offer, as either side sees it."""

    application = serializers.CharField(source="application.name")
    application_id = serializers.CharField()
    source = serializers.CharField(source="source.name")  # type: ignore[assignment] # a field of that name
    to = serializers.CharField(source="addressed", help_text="The name or the address that was written.")

    class Meta:
        model = ApplicationTransfer
        fields = (
            "id", "application", "application_id", "source", "to", "note", "state", "offered_by", "created_at",
            "expires_at", "decided_at",
        )  # fmt: skip
        read_only_fields = fields


class ArrivalShape(serializers.Serializer[Any]):
    """What becomes of one subscription of the application."""

    product = serializers.CharField(source="subscription.product.name")
    plan = serializers.CharField(source="subscription.plan_version.plan.name")
    environment = serializers.CharField(source="subscription.environment.name")
    fate = serializers.ChoiceField(
        choices=[fate.value for fate in Fate],
        help_text="follows = a subscription of the same plan begins; joins = it goes on under the one that is there;"
        " waits = the obstacle has to be mended first; stays = it is left behind.",
    )
    obstacle = serializers.ChoiceField(choices=[each.value for each in Obstacle], allow_null=True)


class LuggageShape(serializers.Serializer[Any]):
    """What comes along, now and to this organization."""

    organization = serializers.SerializerMethodField(help_text="Null: one that has nothing yet.")
    subscriptions = ArrivalShape(source="arrivals", many=True)
    keys = serializers.SerializerMethodField(help_text="Ids of the keys that go on.")
    left_keys = serializers.SerializerMethodField(help_text="Ids of the clients that end.")
    digest = serializers.CharField(help_text="Send it as `agreed` with accept.")

    def get_organization(self, _luggage: Luggage) -> str | None:
        """The organization's name, which the view handed over."""
        organization: Organization | None = self.context["organization"]
        return organization.name if organization else None

    def get_keys(self, luggage: Luggage) -> list[str]:
        """Ids."""
        return [each.pk for each in luggage.keys]

    def get_left_keys(self, luggage: Luggage) -> list[str]:
        """Ids."""
        return [each.pk for each in luggage.left_keys]


class TransferBody(Body):
    """A new offer."""

    application = serializers.CharField(max_length=121, help_text="Id, organization:name, or name.")
    to = serializers.CharField(max_length=254, help_text="The name of an organization, or an e-mail address.")
    note = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")


class AcceptBody(Body):
    """An answer of yes."""

    organization = serializers.CharField(
        max_length=60,
        required=False,
        allow_blank=True,
        default="",
        help_text="Id or name of the one that takes it; that of the offer, or the only one you speak for, if left out.",
    )
    agreed = serializers.CharField(
        max_length=16,
        required=False,
        allow_blank=True,
        default="",
        help_text="`digest` of the luggage as you read it; 409 when it changed since. Left out: whatever comes.",
    )
    overlap_s = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OVERLAP_S,
        required=False,
        allow_null=True,
        default=None,
        help_text="Rolls each key, the old one goes on for so long. Null: keys stay as they are.",
    )


class NewKeyShape(serializers.Serializer[Any]):
    """A key in place of one that came along, with the key itself."""

    credential = CredentialShape()
    key = serializers.CharField(help_text="Shown only now; only a keyed hash is kept.")


class MovedShape(serializers.Serializer[Any]):
    """An application in its new organization."""

    application = ApplicationShape()
    issued = NewKeyShape(many=True, help_text="The new keys, where keys were rolled.")
