"""Promotions: /environments/{environment}/promotions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import find_environment, require_editable
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.promotions import PromotionBody, PromotionShape, promotion_answer
from apim.gateways.models import Environment
from apim.platform.promotion import plan_promotion, promote

if TYPE_CHECKING:
    from apim.api.request import APIRequest


class Promotions(Resource):
    """/environments/{environment}/promotions"""

    @operation(
        "promote_environment",
        tag="Gateways",
        scope="admin",
        body=PromotionBody,
        answers=PromotionShape,
        example={"to": "production", "reason": "Release 12", "dry_run": True},
    )
    def post(self, request: APIRequest, environment: str) -> Response:
        """Brings what this environment has to another one, in one transaction; `dry_run` only says what differs."""
        source = find_environment(request.user, environment)
        require_editable(Environment.objects.editable_by(request.user), source)
        body = self.read(PromotionBody)
        target = find_environment(request.user, body["to"])
        plan = plan_promotion(source, target)
        if body.get("dry_run"):
            return Response(promotion_answer(plan, None, body.get("items")))
        made = promote(
            source=source,
            target=target,
            by=request.actor,
            reason=body.get("reason", ""),
            items=body.get("items"),
            waiver=body.get("waiver", ""),
        )
        return Response(promotion_answer(plan, made.pk))
