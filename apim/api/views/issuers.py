"""Issuers of tokens that administrators trust: /issuers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from apim.api.lookups import find_issuer, find_organization, named_environment, require_admin, require_editable
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.issuers import IssuerBody, IssuerChanges, IssuerShape
from apim.catalog.issuers import delete_issuer, save_issuer
from apim.gateways.models import Issuer
from apim.gateways.services import default_environment

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(
    sorts={"name": "name", "issuer": "issuer"},
    default_sort="name",
    filters={"name": equals("name"), "environment": refers("environment"), "issuer": equals("issuer")},
)


class Issuers(Resource):
    """/issuers"""

    @operation("list_issuers", tag="Gateways", scope="apis:read", lists=IssuerShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The issuers whose tokens APIs may admit: all for admins and owners, else those open to one's own."""
        rows = Issuer.objects.visible_to(request.user).select_related("environment").prefetch_related("organizations")
        return page(request, rows, LISTING, IssuerShape)

    @operation(
        "save_issuer",
        tag="Gateways",
        scope="admin",
        body=IssuerBody,
        answers=IssuerShape,
        status=201,
        example={
            "name": "login",
            "issuer": "https://login.example.com",
            "is_for_all": False,
            "organizations": ["acme"],
        },
    )
    def post(self, request: APIRequest) -> Response:
        """Registers an issuer; of one that has the name already, changes the fields that are sent."""
        require_admin(request.user)
        data = self.read(IssuerBody)
        environment = named_environment(data.pop("environment")) or default_environment()
        name = data.pop("name")
        issuer = save_issuer(environment=environment, name=name, changes=_changes(request, data), by=request.actor)
        return answer_created(request, issuer, IssuerShape, "issuers")


class OneIssuer(Resource):
    """/issuers/{issuer}"""

    @operation("get_issuer", tag="Gateways", scope="apis:read", answers=IssuerShape)
    def get(self, request: APIRequest, issuer: str) -> Response:
        """The issuer with this id or name."""
        return answer(request, find_issuer(request.user, issuer), IssuerShape)

    @operation("update_issuer", tag="Gateways", scope="admin", body=IssuerChanges, answers=IssuerShape)
    def patch(self, request: APIRequest, issuer: str) -> Response:
        """Changes the fields that are sent."""
        found = find_issuer(request.user, issuer)
        require_editable(Issuer.objects.editable_by(request.user), found)
        lock(found)
        check_match(request, found, IssuerShape)
        changes = _changes(request, self.read(IssuerChanges))
        changed = save_issuer(environment=found.environment, name=found.name, changes=changes, by=request.actor)
        return answer(request, changed, IssuerShape)

    @operation("delete_issuer", tag="Gateways", scope="admin", answers=IssuerShape)
    def delete(self, request: APIRequest, issuer: str) -> Response:
        """Forgets the issuer, once no application calls as a client of it; answers with what it was."""
        found = find_issuer(request.user, issuer)
        require_editable(Issuer.objects.editable_by(request.user), found)
        response = answer(request, found, IssuerShape)
        delete_issuer(issuer=found, by=request.actor)
        return response


def _changes(request: APIRequest, data: dict[str, Any]) -> dict[str, Any]:
    """The changes with rows in place of organizations' names; naming some says that it is not for all."""
    if "organizations" not in data:
        return data
    organizations = [find_organization(request.user, reference) for reference in data["organizations"]]
    return {"is_for_all": False} | data | {"organizations": organizations}
