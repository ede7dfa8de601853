"""Shapes of people, organizations and tokens."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.accounts.models import APIToken, Invitation, Membership, Organization, Team, User
from apim.accounts.scopes import SCOPES
from apim.api.bodies import Body


class OrganizationShape(serializers.ModelSerializer[Organization]):
    """A tenant: it owns APIs, or applications, or both."""

    class Meta:
        model = Organization
        fields = ("id", "name", "display_name", "state", "is_default", "owners_edit_plans", "created_at")
        read_only_fields = fields


class OrganizationBody(Body):
    """A new organization."""

    name = serializers.SlugField(max_length=60)
    display_name = serializers.CharField(max_length=120)


class OrganizationChanges(Body):
    """Changes of an organization."""

    display_name = serializers.CharField(max_length=120, required=False)
    owners_edit_plans = serializers.BooleanField(required=False)


class TeamShape(serializers.ModelSerializer[Team]):
    """A part of an organization, to which members, APIs and applications may belong."""

    organization = serializers.CharField(source="organization.name")

    class Meta:
        model = Team
        fields = ("id", "name", "display_name", "organization", "created_at")
        read_only_fields = fields


class TeamBody(Body):
    """A new team."""

    organization = serializers.CharField(max_length=60, help_text="Id or name.")
    name = serializers.SlugField(
        max_length=60, help_text="The slug by which members, APIs and applications name it; it stays."
    )
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class TeamChanges(Body):
    """Changes of a team."""

    display_name = serializers.CharField(max_length=120)


class UserShape(serializers.ModelSerializer[User]):
    """A person."""

    class Meta:
        model = User
        fields = ("id", "email", "name", "is_platform_admin", "is_active", "created_at")
        read_only_fields = fields


class MemberShape(serializers.ModelSerializer[Membership]):
    """A person's role in an organization."""

    organization = serializers.CharField(source="organization.name")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    user_id = serializers.CharField()
    team = serializers.CharField(
        allow_blank=True, help_text="The slug of the team that they are bound to; empty for all."
    )

    class Meta:
        model = Membership
        fields = ("id", "organization", "user_id", "email", "name", "role", "team", "created_at")
        read_only_fields = fields


class MemberBody(Body):
    """A person who is to join an organization."""

    organization = serializers.CharField(max_length=60, help_text="Id or name.")
    user = serializers.CharField(max_length=254, help_text="Id or e-mail address of someone who has an account.")
    role = serializers.ChoiceField(Membership.Role.choices)
    team = serializers.SlugField(max_length=60, required=False, allow_blank=True, default="")


class MemberChanges(Body):
    """A member's new role."""

    role = serializers.ChoiceField(Membership.Role.choices, required=False)
    team = serializers.SlugField(max_length=60, required=False, allow_blank=True)


class InvitationShape(serializers.ModelSerializer[Invitation]):
    """An offer of a role, sent by e-mail."""

    organization = serializers.CharField(source="organization.name")
    team = serializers.CharField(allow_blank=True)

    class Meta:
        model = Invitation
        fields = (
            "id",
            "email",
            "organization",
            "role",
            "team",
            "invited_by",
            "created_at",
            "expires_at",
            "accepted_at",
        )
        read_only_fields = fields


class InvitationBody(Body):
    """An offer of a role."""

    email = serializers.EmailField()
    organization = serializers.CharField(max_length=60, help_text="Id or name.")
    role = serializers.ChoiceField(Membership.Role.choices)
    team = serializers.SlugField(max_length=60, required=False, allow_blank=True, default="")


class TokenShape(serializers.ModelSerializer[APIToken]):
    """A token of this API; its secret is shown once, when it is issued."""

    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = APIToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "prefix",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )
        read_only_fields = fields


class IssuedTokenShape(TokenShape):
    """A fresh token with its secret."""

    secret = serializers.SerializerMethodField(help_text="Shown only now.")

    class Meta(TokenShape.Meta):
        fields = (*TokenShape.Meta.fields, "secret")
        read_only_fields = fields

    def get_secret(self, _token: APIToken) -> str:
        """The secret, which the view handed over beside the row."""
        secret: str = self.context["secret"]
        return secret


class TokenBody(Body):
    """A new token for oneself."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(child=serializers.ChoiceField(sorted(SCOPES)), allow_empty=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class MeShape(serializers.Serializer[Any]):
    """Who the caller is and what the token allows."""

    user = UserShape()
    memberships = MemberShape(many=True)
    scopes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Null with a browser's session: no limit."
    )


class ReasonBody(Body):
    """Why."""

    reason = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
