"""Shapes of issuers of tokens."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from rest_framework import serializers

from apim.accounts.models import Organization
from apim.api.bodies import Body
from apim.gateways.chains import LONGEST_PEM
from apim.gateways.models import Issuer

_LONGEST_KEYS = LONGEST_PEM
_MOST_ORGANIZATIONS = 1000


class IssuerShape(serializers.ModelSerializer[Issuer]):
    """An issuer of tokens that administrators trust to say which application calls."""

    environment = serializers.CharField(source="environment.name")
    organizations = serializers.SerializerMethodField(
        help_text="Whose applications may be its clients, unless it is open to all; those that the caller may see."
    )

    class Meta:
        model = Issuer
        fields = (
            "id",
            "name",
            "environment",
            "issuer",
            "jwks",
            "jwks_url",
            "client_claim",
            "is_for_all",
            "organizations",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_organizations(self, issuer: Issuer) -> list[str]:
        """Their names, as far as the caller knows of them."""
        return sorted({organization.name for organization in issuer.organizations.all()} & self._known)

    @cached_property
    def _known(self) -> set[str]:
        """The organizations that the caller may know of, asked for once for a whole list."""
        user = self.context["request"].user
        return set(Organization.objects.visible_to(user).values_list("name", flat=True))


class IssuerChanges(Body):
    """What is trusted of an issuer."""

    jwks = serializers.CharField(
        max_length=_LONGEST_KEYS, required=False, allow_blank=True, help_text="Its public keys: a JWK set."
    )
    jwks_url = serializers.CharField(
        max_length=512,
        required=False,
        allow_blank=True,
        help_text="Where it publishes them; without it and `jwks` the issuer is asked (discovery).",
    )
    client_claim = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="Where the client id is. Empty: `azp`, `client_id`."
    )
    is_for_all = serializers.BooleanField(
        required=False, help_text="Whether applications of every organization may be its clients."
    )
    organizations = serializers.ListField(
        child=serializers.CharField(max_length=60),
        max_length=_MOST_ORGANIZATIONS,
        required=False,
        help_text="Ids or names of those whose applications may; with `is_for_all: false`.",
    )


class IssuerBody(IssuerChanges):
    """An issuer."""

    name = serializers.SlugField(max_length=60)
    issuer = serializers.CharField(max_length=512, help_text="What `iss` is in its tokens, letter for letter.")
    environment = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")

    def get_fields(self) -> dict[str, Any]:
        """The fields, the name first."""
        fields: dict[str, Any] = super().get_fields()
        return {"name": fields.pop("name"), "issuer": fields.pop("issuer"), **fields}
