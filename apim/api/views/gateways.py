"""Where it runs: /environments, /gateways, /publications."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import find_environment, find_gateway, named_environment, require_admin, require_editable
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.gateways import (
    EnrolledGatewayShape,
    EnvironmentChanges,
    EnvironmentShape,
    GatewayBody,
    GatewayChanges,
    GatewayShape,
    JoinTokenBody,
    JoinTokenShape,
    PublicationShape,
    WorkerShape,
)
from apim.errors import NotFound
from apim.gateways.joining import issue_join_token, remove_gateway
from apim.gateways.models import Environment, Gateway
from apim.gateways.services import default_environment, enroll_gateway, update_environment
from apim.gateways.standing import ask_for_rotation, set_state
from gateway_sync.delivery.canaries import set_canary
from gateway_sync.delivery.models import Publication

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(sorts={"name": "name"}, default_sort="name", filters={"name": equals("name")})
GATEWAY_LISTING = Listing(
    sorts={"name": "name", "enrolled_at": "enrolled_at"},
    default_sort="name",
    filters={"name": equals("name"), "environment": refers("environment")},
)
WORKER_LISTING = Listing(sorts={"slot": "slot"}, default_sort="slot")
PUBLICATION_LISTING = Listing(
    sorts={"created_at": "created_at", "revision": "revision"},
    default_sort="-created_at",
    filters={"environment": refers("environment")},
)


class Environments(Resource):
    """/environments"""

    @operation("list_environments", tag="Gateways", scope="apis:read", lists=EnvironmentShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The environments, for admins and owners."""
        return page(
            request, Environment.objects.visible_to(request.user).select_related("pin"), LISTING, EnvironmentShape
        )


class OneEnvironment(Resource):
    """/environments/{environment}"""

    @operation("get_environment", tag="Gateways", scope="apis:read", answers=EnvironmentShape)
    def get(self, request: APIRequest, environment: str) -> Response:
        """The environment with this id or name."""
        return answer(request, find_environment(request.user, environment), EnvironmentShape)

    @operation(
        "update_environment",
        tag="Gateways",
        scope="admin",
        body=EnvironmentChanges,
        answers=EnvironmentShape,
        example={"allowed_networks": ["127.0.0.0/8", "10.0.0.0/8"], "address_rate_per_s": 200},
    )
    def patch(self, request: APIRequest, environment: str) -> Response:
        """Changes the fields that are sent, and tells the gateways."""
        found = find_environment(request.user, environment)
        require_editable(Environment.objects.editable_by(request.user), found)
        lock(found)
        check_match(request, found, EnvironmentShape)
        changed = update_environment(environment=found, changes=self.read(EnvironmentChanges), by=request.actor)
        return answer(request, changed, EnvironmentShape)


class Gateways(Resource):
    """/gateways"""

    @operation("list_gateways", tag="Gateways", scope="apis:read", lists=GatewayShape, listing=GATEWAY_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The gateways with their workers, for admins and owners."""
        gateways = Gateway.objects.visible_to(request.user).select_related("environment").prefetch_related("workers")
        return page(request, gateways, GATEWAY_LISTING, GatewayShape)

    @operation(
        "enroll_gateway",
        tag="Gateways",
        scope="admin",
        body=GatewayBody,
        answers=EnrolledGatewayShape,
        status=201,
        example={"name": "eu-1", "environment": "default"},
    )
    def post(self, request: APIRequest) -> Response:
        """Enrolls a gateway; its token is shown once. Enrolling a name again voids the token before."""
        require_admin(request.user)
        data = self.read(GatewayBody)
        environment = named_environment(data["environment"]) or default_environment()
        enrolled = enroll_gateway(environment=environment, name=data["name"], by=request.actor)
        return answer_created(request, enrolled.gateway, EnrolledGatewayShape, "gateways", token=enrolled.token)


class OneGateway(Resource):
    """/gateways/{gateway}"""

    @operation("get_gateway", tag="Gateways", scope="apis:read", answers=GatewayShape)
    def get(self, request: APIRequest, gateway: str) -> Response:
        """The gateway with this id or name."""
        return answer(request, find_gateway(request.user, gateway), GatewayShape)

    @operation(
        "update_gateway",
        tag="Gateways",
        scope="admin",
        body=GatewayChanges,
        answers=GatewayShape,
        example={"state": "draining", "reason": "New disk"},
    )
    def patch(self, request: APIRequest, gateway: str) -> Response:
        """Has it drain, puts it in quarantine, or lets it serve; it obeys with its next report."""
        found = find_gateway(request.user, gateway)
        require_editable(Gateway.objects.editable_by(request.user), found)
        check_match(request, found, GatewayShape)
        data = self.read(GatewayChanges)
        if "is_canary" in data:
            found = set_canary(gateway=found, is_canary=data["is_canary"], by=request.actor)
        if "state" in data:
            found = set_state(gateway=found, state=data["state"], reason=data["reason"], by=request.actor)
        return answer(request, found, GatewayShape)

    @operation("remove_gateway", tag="Gateways", scope="admin", answers=GatewayShape)
    def delete(self, request: APIRequest, gateway: str) -> Response:
        """Ends the gateway's credentials; answers with what it was. End its process first: it serves what it knows."""
        found = find_gateway(request.user, gateway)
        require_editable(Gateway.objects.editable_by(request.user), found)
        response = answer(request, found, GatewayShape)
        remove_gateway(gateway=found, by=request.actor)
        return response


class RotateGateway(Resource):
    """/gateways/{gateway}/rotate"""

    @operation("rotate_gateway_credential", tag="Gateways", scope="admin", answers=GatewayShape)
    def post(self, request: APIRequest, gateway: str) -> Response:
        """Has the gateway fetch another credential; the one it has works until it uses the new one."""
        found = find_gateway(request.user, gateway)
        require_editable(Gateway.objects.editable_by(request.user), found)
        ask_for_rotation(gateway=found, by=request.actor)
        found.refresh_from_db()
        return answer(request, found, GatewayShape)


class JoinTokens(Resource):
    """/join-tokens"""

    @operation(
        "issue_join_token",
        tag="Gateways",
        scope="admin",
        body=JoinTokenBody,
        answers=JoinTokenShape,
        status=201,
        example={"name": "eu-1", "environment": "default", "group": "edge"},
    )
    def post(self, request: APIRequest) -> Response:
        """Issues a token by which a gateway of another host joins, once: `apim gateway run --join`."""
        require_admin(request.user)
        data = self.read(JoinTokenBody)
        environment = named_environment(data["environment"]) or default_environment()
        issued = issue_join_token(environment=environment, name=data["name"], group=data["group"], by=request.actor)
        response = answer(request, issued.token, JoinTokenShape, token=issued.secret)
        response.status_code = HTTPStatus.CREATED
        return response


class GatewayWorkers(Resource):
    """/gateways/{gateway}/workers"""

    @operation("list_workers", tag="Gateways", scope="apis:read", lists=WorkerShape, listing=WORKER_LISTING)
    def get(self, request: APIRequest, gateway: str) -> Response:
        """What each process of a gateway said of itself last."""
        return page(request, find_gateway(request.user, gateway).workers.all(), WORKER_LISTING, WorkerShape)


class Publications(Resource):
    """/publications"""

    @operation(
        "list_publications", tag="Gateways", scope="apis:read", lists=PublicationShape, listing=PUBLICATION_LISTING
    )
    def get(self, request: APIRequest) -> Response:
        """What was published to gateways, the newest first, for admins and owners."""
        environments = Environment.objects.visible_to(request.user)
        publications = Publication.objects.filter(environment__in=environments).select_related("environment")
        return page(request, publications.defer("manifest", "groups"), PUBLICATION_LISTING, PublicationShape)


class OnePublication(Resource):
    """/publications/{publication}"""

    @operation("get_publication", tag="Gateways", scope="apis:read", answers=PublicationShape)
    def get(self, request: APIRequest, publication: str) -> Response:
        """One publication and the problems that the compiler found."""
        environments = Environment.objects.visible_to(request.user)
        shown = Publication.objects.filter(environment__in=environments).select_related("environment")
        found = shown.filter(pk=publication).first() if "\0" not in publication else None
        if found is None:
            raise NotFound("request.not_found", "There is no such publication that you may see.")
        return answer(request, found, PublicationShape)
