"""Organizations and who belongs to them: /organizations, /members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.access.services import remove_member, resume_organization, suspend_organization
from apim.accounts.models import Membership, Organization
from apim.accounts.services import (
    add_member,
    change_role,
    create_organization,
    update_organization,
)
from apim.api.lookups import (
    find_membership,
    find_organization,
    find_user,
    require_admin,
    require_editable,
    require_leader,
)
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.accounts import (
    MemberBody,
    MemberChanges,
    MemberShape,
    OrganizationBody,
    OrganizationChanges,
    OrganizationShape,
    ReasonBody,
)

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"name": "name", "created_at": "created_at"},
    default_sort="name",
    filters={"name": equals("name"), "state": equals("state", choices=tuple(Organization.State.values))},
)
MEMBER_LISTING = Listing(
    sorts={"created_at": "created_at", "email": "user__email"},
    default_sort="created_at",
    filters={
        "organization": refers("organization"),
        "user": refers("user", name="email"),
        "role": equals("role", choices=tuple(Membership.Role.values)),
        "team": equals("team"),
    },
)


class Organizations(Resource):
    """/organizations"""

    @operation("list_organizations", tag="People", scope="access:read", lists=OrganizationShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The organizations that the caller may see."""
        return page(request, Organization.objects.visible_to(request.user), LISTING, OrganizationShape)

    @operation(
        "create_organization",
        tag="People",
        scope="admin",
        body=OrganizationBody,
        answers=OrganizationShape,
        status=201,
        example={"name": "acme", "display_name": "Acme Ltd"},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes an organization."""
        require_admin(request.user)
        organization = create_organization(by=request.actor, **self.read(OrganizationBody))
        return answer_created(request, organization, OrganizationShape, "organizations")


class OneOrganization(Resource):
    """/organizations/{organization}"""

    @operation("get_organization", tag="People", scope="access:read", answers=OrganizationShape)
    def get(self, request: APIRequest, organization: str) -> Response:
        """The organization with this id or name."""
        return answer(request, find_organization(request.user, organization), OrganizationShape)

    @operation(
        "update_organization", tag="People", scope="access:write", body=OrganizationChanges, answers=OrganizationShape
    )
    def patch(self, request: APIRequest, organization: str) -> Response:
        """Changes the fields that are sent; `owners_edit_plans` is for admins."""
        found = find_organization(request.user, organization)
        require_editable(Organization.objects.editable_by(request.user), found)
        lock(found)
        check_match(request, found, OrganizationShape)
        changes = self.read(OrganizationChanges)
        if "owners_edit_plans" in changes:
            require_admin(request.user)
        changed = update_organization(organization=found, changes=changes, by=request.actor)
        return answer(request, changed, OrganizationShape)


class SuspendOrganization(Resource):
    """/organizations/{organization}/suspend"""

    @operation("suspend_organization", tag="People", scope="admin", body=ReasonBody, answers=OrganizationShape)
    def post(self, request: APIRequest, organization: str) -> Response:
        """Refuses all calls of its applications until it is resumed."""
        found = find_organization(request.user, organization)
        require_admin(request.user)
        reason = self.read(ReasonBody)["reason"]
        changed = suspend_organization(organization=found, by=request.actor, reason=reason)
        return answer(request, changed, OrganizationShape)


class ResumeOrganization(Resource):
    """/organizations/{organization}/resume"""

    @operation("resume_organization", tag="People", scope="admin", answers=OrganizationShape)
    def post(self, request: APIRequest, organization: str) -> Response:
        """Lets a suspended organization call again."""
        found = find_organization(request.user, organization)
        require_admin(request.user)
        return answer(request, resume_organization(organization=found, by=request.actor), OrganizationShape)


class Members(Resource):
    """/members"""

    @operation("list_members", tag="People", scope="access:read", lists=MemberShape, listing=MEMBER_LISTING)
    def get(self, request: APIRequest) -> Response:
        """Who belongs to which organization, and as what."""
        members = Membership.objects.visible_to(request.user).select_related("user", "organization")
        return page(request, members, MEMBER_LISTING, MemberShape)

    @operation(
        "add_member",
        tag="People",
        scope="access:write",
        body=MemberBody,
        answers=MemberShape,
        status=201,
        example={"organization": "acme", "user": "eva@example.com", "role": "developer"},
    )
    def post(self, request: APIRequest) -> Response:
        """Adds someone who has an account; use /invitations for others."""
        data = self.read(MemberBody)
        organization = find_organization(request.user, data["organization"])
        require_leader(request.user, organization)
        member = add_member(
            organization=organization,
            user=find_user(request.user, data["user"]),
            role=data["role"],
            team=data["team"],
            by=request.actor,
        )
        return answer_created(request, member, MemberShape, "members")


class OneMember(Resource):
    """/members/{member}"""

    @operation("get_member", tag="People", scope="access:read", answers=MemberShape)
    def get(self, request: APIRequest, member: str) -> Response:
        """One membership."""
        return answer(request, find_membership(request.user, member), MemberShape)

    @operation(
        "change_role",
        tag="People",
        scope="access:write",
        body=MemberChanges,
        answers=MemberShape,
        example={"role": "owner"},
    )
    def patch(self, request: APIRequest, member: str) -> Response:
        """Gives another role or team."""
        found, changes = self._lock(request, member), self.read(MemberChanges)
        role, team = changes.get("role", found.role), changes.get("team", found.team)
        return answer(request, change_role(membership=found, role=role, team=team, by=request.actor), MemberShape)

    @operation("remove_member", tag="People", scope="access:write", status=204)
    def delete(self, request: APIRequest, member: str) -> Response:
        """Ends the membership and the keys that the person made."""
        remove_member(membership=self._lock(request, member), by=request.actor)
        return Response(status=204)

    def _lock(self, request: APIRequest, reference: str) -> Membership:
        membership = find_membership(request.user, reference)
        require_editable(Membership.objects.editable_by(request.user), membership)
        lock(membership)
        check_match(request, membership, MemberShape)
        return membership
