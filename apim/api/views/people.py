"""People: /invitations, /users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.access.services import resume_user, suspend_user
from apim.accounts.models import Invitation, User
from apim.accounts.services import (
    invite,
    withdraw_invitation,
)
from apim.api.lookups import (
    find_invitation,
    find_organization,
    find_user,
    require_admin,
    require_editable,
    require_leader,
)
from apim.api.paging import Listing, equals, is_set, is_true, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.accounts import (
    InvitationBody,
    InvitationShape,
    ReasonBody,
    UserShape,
)

if TYPE_CHECKING:
    from apim.api.request import APIRequest

INVITATION_LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={"organization": refers("organization"), "email": equals("email"), "accepted": is_set("accepted_at")},
)

USER_LISTING = Listing(
    sorts={"email": "email", "created_at": "created_at"},
    default_sort="email",
    filters={
        "email": equals("email__iexact"),
        "is_active": is_true("is_active"),
        "is_platform_admin": is_true("is_platform_admin"),
    },
)


class Invitations(Resource):
    """/invitations"""

    @operation("list_invitations", tag="People", scope="access:read", lists=InvitationShape, listing=INVITATION_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The invitations to organizations that the caller leads."""
        invitations = Invitation.objects.visible_to(request.user).select_related("organization")
        return page(request, invitations, INVITATION_LISTING, InvitationShape)

    @operation(
        "invite",
        tag="People",
        scope="access:write",
        body=InvitationBody,
        answers=InvitationShape,
        status=201,
        example={"email": "eva@example.com", "organization": "acme", "role": "developer"},
    )
    def post(self, request: APIRequest) -> Response:
        """Mails a link by which a person joins."""
        data = self.read(InvitationBody)
        organization = find_organization(request.user, data.pop("organization"))
        require_leader(request.user, organization)
        invitation = invite(organization=organization, by=request.actor, **data)
        return answer_created(request, invitation, InvitationShape, "invitations")


class OneInvitation(Resource):
    """/invitations/{invitation}"""

    @operation("get_invitation", tag="People", scope="access:read", answers=InvitationShape)
    def get(self, request: APIRequest, invitation: str) -> Response:
        """One invitation."""
        return answer(request, find_invitation(request.user, invitation), InvitationShape)

    @operation("withdraw_invitation", tag="People", scope="access:write", status=204)
    def delete(self, request: APIRequest, invitation: str) -> Response:
        """Makes the link worthless."""
        found = find_invitation(request.user, invitation)
        require_editable(Invitation.objects.editable_by(request.user), found)
        lock(found)
        check_match(request, found, InvitationShape)
        withdraw_invitation(invitation=found, by=request.actor)
        return Response(status=204)


class Users(Resource):
    """/users"""

    @operation("list_users", tag="People", scope="access:read", lists=UserShape, listing=USER_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The people that the caller may see."""
        return page(request, User.objects.visible_to(request.user), USER_LISTING, UserShape)


class OneUser(Resource):
    """/users/{user}"""

    @operation("get_user", tag="People", scope="access:read", answers=UserShape)
    def get(self, request: APIRequest, user: str) -> Response:
        """The person with this id or e-mail address."""
        return answer(request, find_user(request.user, user), UserShape)


class SuspendUser(Resource):
    """/users/{user}/suspend"""

    @operation("suspend_user", tag="People", scope="admin", body=ReasonBody, answers=UserShape)
    def post(self, request: APIRequest, user: str) -> Response:
        """Shuts a person out; the keys that the person made are refused."""
        found = find_user(request.user, user)
        require_admin(request.user)
        reason = self.read(ReasonBody)["reason"]
        return answer(request, suspend_user(user=found, by=request.actor, reason=reason), UserShape)


class ResumeUser(Resource):
    """/users/{user}/resume"""

    @operation("resume_user", tag="People", scope="admin", answers=UserShape)
    def post(self, request: APIRequest, user: str) -> Response:
        """Lets a suspended person in again."""
        found = find_user(request.user, user)
        require_admin(request.user)
        return answer(request, resume_user(user=found, by=request.actor), UserShape)
