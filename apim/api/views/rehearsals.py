"""Rehearsals: /plans/{plan}/rehearsals, /rehearsals/{rehearsal}."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import find_plan, find_rehearsal, require_editable
from apim.api.paging import Listing, page
from apim.api.preconditions import answer, answer_created
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.rehearsals import RehearsalShape
from apim.billing.models import Rehearsal
from apim.billing.rehearsing import cancel_rehearsal, start_rehearsal
from apim.products.models import Plan

if TYPE_CHECKING:
    from apim.api.request import APIRequest

LISTING = Listing(sorts={"created_at": "created_at"}, default_sort="-created_at")


class PlanRehearsals(Resource):
    """/plans/{plan}/rehearsals"""

    @operation("list_rehearsals", tag="Products", scope="products:read", lists=RehearsalShape, listing=LISTING)
    def get(self, request: APIRequest, plan: str) -> Response:
        """The rehearsals of the plan, with their steps."""
        found = find_plan(request.user, plan)
        rows = Rehearsal.objects.visible_to(request.user).filter(plan=found)
        related = rows.select_related("plan", "plan_version", "product", "environment").prefetch_related("steps")
        return page(request, related, LISTING, RehearsalShape)

    @operation("rehearse_plan", tag="Products", scope="products:write", answers=RehearsalShape, status=201)
    def post(self, request: APIRequest, plan: str) -> Response:
        """Starts a rehearsal, in Stripe's test mode only; a worker takes its steps, one after the other."""
        found = find_plan(request.user, plan)
        require_editable(Plan.objects.editable_by(request.user), found)
        rehearsal = start_rehearsal(plan=found, by=request.actor)
        return answer_created(request, find_rehearsal(request.user, rehearsal.pk), RehearsalShape, "rehearsals")


class OneRehearsal(Resource):
    """/rehearsals/{rehearsal}"""

    @operation("get_rehearsal", tag="Products", scope="products:read", answers=RehearsalShape)
    def get(self, request: APIRequest, rehearsal: str) -> Response:
        """How far it is, and what each step came to."""
        return answer(request, find_rehearsal(request.user, rehearsal), RehearsalShape)


class CancelRehearsal(Resource):
    """/rehearsals/{rehearsal}/cancel"""

    @operation("cancel_rehearsal", tag="Products", scope="products:write", answers=RehearsalShape)
    def post(self, request: APIRequest, rehearsal: str) -> Response:
        """Ends it before its next step; what it made is removed."""
        found = find_rehearsal(request.user, rehearsal)
        require_editable(Rehearsal.objects.editable_by(request.user), found)
        cancel_rehearsal(rehearsal=found, by=request.actor)
        return answer(request, find_rehearsal(request.user, rehearsal), RehearsalShape)
