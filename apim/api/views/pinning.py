"""Going back to a publication: /environments/{environment}/rollback and /environments/{environment}/release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import find_environment, require_editable
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.pinning import EnvironmentRollbackBody, ReleaseBody, RollbackPlanShape, plan_answer
from apim.errors import NotFound
from apim.gateways.models import Environment
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.pinning import plan_release, plan_rollback, release, roll_back

if TYPE_CHECKING:
    from apim.api.request import APIRequest


class Rollback(Resource):
    """/environments/{environment}/rollback"""

    @operation(
        "roll_back_environment",
        tag="Gateways",
        scope="admin",
        body=EnvironmentRollbackBody,
        answers=RollbackPlanShape,
        example={"revision": 41, "reason": "Callers fail since 43", "dry_run": True},
    )
    def post(self, request: APIRequest, environment: str) -> Response:
        """Takes gateways back to an earlier publication, as a higher revision; they stay there until the release."""
        found = find_environment(request.user, environment)
        require_editable(Environment.objects.editable_by(request.user), found)
        body = self.read(EnvironmentRollbackBody)
        publication = Publication.objects.filter(environment=found, revision=body["revision"]).first()
        if publication is None:
            message = f"{found.name} has no publication {body['revision']}."
            raise NotFound("gateways.no_publication", message, field="revision", hint="See /publications.")
        plan = plan_rollback(publication)
        is_done = not body.get("dry_run")
        if is_done:
            roll_back(
                publication=publication, by=request.actor, reason=body.get("reason", ""), seen=body.get("seen")
            )  # fmt: skip
        return Response(plan_answer(plan, found, is_done=is_done))


class Release(Resource):
    """/environments/{environment}/release"""

    @operation(
        "release_environment",
        tag="Gateways",
        scope="admin",
        body=ReleaseBody,
        answers=RollbackPlanShape,
        example={"reason": "Mended", "dry_run": True},
    )
    def post(self, request: APIRequest, environment: str) -> Response:
        """Lets gateways follow the configuration again."""
        found = find_environment(request.user, environment)
        require_editable(Environment.objects.editable_by(request.user), found)
        body = self.read(ReleaseBody)
        plan = plan_release(found)
        is_done = not body.get("dry_run")
        if is_done:
            release(environment=found, by=request.actor, reason=body.get("reason", ""), seen=body.get("seen"))
        return Response(plan_answer(plan, found, is_done=is_done))
