"""Teams of organizations: /teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.access.services import remove_team
from apim.accounts.models import Team
from apim.accounts.services import create_team, rename_team
from apim.api.lookups import find_organization, find_team, require_editable, require_leader
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.accounts import TeamBody, TeamChanges, TeamShape

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"name": "name", "created_at": "created_at"},
    default_sort="name",
    filters={"name": equals("name"), "organization": refers("organization")},
)


class Teams(Resource):
    """/teams"""

    @operation("list_teams", tag="People", scope="access:read", lists=TeamShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The teams of the caller's organizations."""
        return page(request, Team.objects.visible_to(request.user).select_related("organization"), LISTING, TeamShape)

    @operation(
        "create_team",
        tag="People",
        scope="access:write",
        body=TeamBody,
        answers=TeamShape,
        status=201,
        example={"organization": "acme", "name": "payments", "display_name": "Payments"},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes a team; who leads the organization may."""
        data = self.read(TeamBody)
        organization = find_organization(request.user, data.pop("organization"))
        require_leader(request.user, organization)
        team = create_team(organization=organization, by=request.actor, **data)
        return answer_created(request, team, TeamShape, "teams")


class OneTeam(Resource):
    """/teams/{team}"""

    @operation("get_team", tag="People", scope="access:read", answers=TeamShape)
    def get(self, request: APIRequest, team: str) -> Response:
        """The team with this id, `organization:name`, or name."""
        return answer(request, find_team(request.user, team), TeamShape)

    @operation(
        "rename_team",
        tag="People",
        scope="access:write",
        body=TeamChanges,
        answers=TeamShape,
        example={"display_name": "Payments and cards"},
    )
    def patch(self, request: APIRequest, team: str) -> Response:
        """Calls it something else; its slug stays."""
        found, changes = self._lock(request, team), self.read(TeamChanges)
        return answer(request, rename_team(team=found, by=request.actor, **changes), TeamShape)

    @operation("remove_team", tag="People", scope="access:write", status=204)
    def delete(self, request: APIRequest, team: str) -> Response:
        """Removes it: what was its own belongs to the whole organization, and its owners become developers."""
        remove_team(team=self._lock(request, team), by=request.actor)
        return Response(status=204)

    def _lock(self, request: APIRequest, reference: str) -> Team:
        team = find_team(request.user, reference)
        require_editable(Team.objects.editable_by(request.user), team)
        lock(team)
        check_match(request, team, TeamShape)
        return team
